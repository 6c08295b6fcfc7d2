"""Conversion of a published checkpoint into ours, for scoring, figures and prediction.

It cannot be trained further. The state that the next step would need (the position in the epoch,
the authors' random generators) is not in the file or has no meaning here.

The file also contains the frozen backbone, which becomes a weights file next to the checkpoint.
"""

import dataclasses
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from trainer.backbones import Backbone, build_backbone
from trainer.config.configuration import TrainConfig
from trainer.engine.checkpoint import write_checkpoint
from trainer.engine.optimiser import AdamState
from trainer.engine.run import imported_record
from trainer.errors import CheckpointError
from trainer.methods import build_method, hyper_values
from trainer.scoring.probes import probe_layout
from trainer.seeds import torch_generator
from trainer.upstream.lightning import LightningCheckpoint, open_lightning
from trainer.upstream.parameters import BACKBONE, fill_layout
from trainer.upstream.reading import Translation, read_settings

__all__ = ["Imported", "import_checkpoint"]

WEIGHTS = "backbone.safetensors"


@dataclass(frozen=True, kw_only=True)
class Imported:
    """Result of importing a published checkpoint."""

    config: TrainConfig
    translation: Translation
    #: Number n of classes.
    classes: int
    #: Lightning's number of steps, three per batch.
    step: int
    #: Number of iterations, one batch each.
    iteration: int
    epoch: int
    #: Scores by their source, percent.
    scores: Mapping[str, float]
    #: Number of learned values in model and probes.
    parameters: int
    folder: Path


def import_checkpoint(path: Path, folder: Path) -> Imported:
    """Convert a published checkpoint into one of ours.

    Args:
        path: The published ``.ckpt`` file.
        folder: Folder to create; it appears complete or not at all.

    Raises:
        CheckpointError: If the file is not a checkpoint, is damaged, holds code, or is not the
            model of its settings; if the folder is in use or cannot be written.
        ConfigError: If its settings are not supported here.
        WeightsError: If its backbone does not match its settings.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CheckpointError(f"{folder} is in use: give another folder with --out")
    with open_lightning(path) as found:
        translation = read_settings(found.settings, protocol="published")
        config = _placed(translation.config(), folder)
        hyper_values(config)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
            try:
                parameters = _write(draft, found, config, path)
                draft.chmod(0o755)
                draft.replace(folder)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        except OSError as error:
            raise CheckpointError(
                f"cannot write {folder} ({error.strerror}): free space or give another folder"
            ) from error
    return Imported(
        config=config,
        translation=translation,
        classes=found.classes,
        step=found.step,
        iteration=found.iteration,
        epoch=found.epoch,
        scores=found.scores,
        parameters=parameters,
        folder=folder,
    )


def _placed(config: TrainConfig, folder: Path) -> TrainConfig:
    """The configuration with the future path of the weights, and a single evaluation.

    The evaluations during training and the choice of the weights cannot be repeated; keeping them
    would only add requirements on the data (labels on val, enough batches per epoch).
    """
    weights = str((folder / WEIGHTS).absolute())
    return dataclasses.replace(
        config,
        backbone=dataclasses.replace(config.backbone, weights=weights),
        evaluation=dataclasses.replace(
            config.evaluation, cadence="even", evaluations=1, report="last"
        ),
    )


def _write(draft: Path, found: LightningCheckpoint, config: TrainConfig, path: Path) -> int:
    """Fill a folder; returns the number of learned values."""
    safetensors.torch.save_file(found.read(prefix=BACKBONE), draft / WEIGHTS)
    backbone = _load_backbone(config, draft)
    method = build_method(config, channels=backbone.channels, classes=found.classes)
    layouts = {
        "model": method.parameters,
        "buffers": method.buffers,
        "probes": probe_layout(code_dim=method.code_dim, classes=found.classes),
    }
    rows = fill_layout(
        layouts,
        found.read_others(prefix=BACKBONE),
        modalities=config.data.modalities,
        fusion=config.method.fusion,
        where=str(path),
    )
    origin = {"file": path.name, "step": found.step, "scores": dict(found.scores)}
    record = imported_record(
        config,
        iteration=found.iteration,
        fingerprints={"weights": backbone.fingerprint},
        origin=origin,
    )
    write_checkpoint(draft, _state(rows), record)
    return len(rows["model"]) + len(rows["probes"])


def _load_backbone(config: TrainConfig, draft: Path) -> Backbone:
    """The backbone from the draft's weights, which checks that they fit."""
    drafted = dataclasses.replace(config.backbone, weights=str(draft / WEIGHTS))
    return build_backbone(drafted)


def _state(rows: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A slot's state (``trainer/engine/slots.py``) with these numbers, before any training."""
    state = {
        "buffers": rows["buffers"],
        "loss_sum": torch.zeros((), dtype=torch.float64),
        "finite": torch.ones((), dtype=torch.bool),
        "draws.generator": torch_generator(0, "draws").get_state(),
        "draws.order": torch.empty(0, dtype=torch.int64),
        "draws.position": torch.tensor(0),
    }
    for part in ("model", "probes"):
        adam = AdamState.fresh(rows[part].unsqueeze(0))
        for field in dataclasses.fields(adam):
            state[f"{part}.{field.name}"] = getattr(adam, field.name)[0]
    return state
