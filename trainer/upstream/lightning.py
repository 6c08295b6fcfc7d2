"""Reading a published checkpoint of PyTorch Lightning with OmegaConf settings as data.

Neither package is needed, and no pickled code of the file runs (see
``trainer.backbones.torch_files``). OmegaConf's objects are recognised by their names:
``_content`` of a container and ``_val`` of a value hold the settings.
"""

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from trainer.backbones.torch_files import Inert, StoredTensor, TorchFile, UnreadableFileError
from trainer.errors import CheckpointError
from trainer.upstream.keys import STEPS_PER_BATCH

__all__ = ["LightningCheckpoint", "open_lightning"]

#: Scores in the authors' file names, such as ``step=8715-mIoU=38.11.ckpt``.
NAMED_SCORE = re.compile(r"mIoU=(\d+(?:\.\d+)?)")

#: Scores stored by Lightning's callback, and their meaning.
CALLBACK_SCORES = {"current_score": "of this one", "best_model_score": "best of the run"}


@dataclass(frozen=True, kw_only=True)
class LightningCheckpoint:
    """Contents of a published checkpoint."""

    #: Keys and values of the configuration it was trained with.
    settings: Mapping[str, Any]
    #: Number n of classes.
    classes: int
    #: Lightning's number of steps: one per optimiser and batch.
    step: int
    #: Epochs begun before it was written.
    epoch: int
    #: Scores by their source, percent.
    scores: Mapping[str, float]
    #: Names and positions of the tensors.
    weights: Mapping[str, StoredTensor]
    file: TorchFile

    @property
    def iteration(self) -> int:
        """Number of iterations (batches) it was trained for."""
        return self.step // STEPS_PER_BATCH

    def read(self, *, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names have the prefix, by the rest of their names."""
        return self.file.tensors(
            {
                name.removeprefix(prefix): stored
                for name, stored in self.weights.items()
                if name.startswith(prefix)
            }
        )

    def read_others(self, *, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names do not have the prefix."""
        return self.file.tensors(
            {name: stored for name, stored in self.weights.items() if not name.startswith(prefix)}
        )


@contextmanager
def open_lightning(path: Path) -> Iterator[LightningCheckpoint]:
    """Open a published checkpoint.

    Raises:
        CheckpointError: If it is not such a file, is damaged, or names code that no published
            checkpoint names; also if tensors that are read later are damaged.
    """
    try:
        with TorchFile(path) as file:
            yield _parse(file, path)
    except UnreadableFileError as error:
        raise CheckpointError(
            f"cannot read {path} as a published checkpoint ({error}): give a .ckpt file of UniM2"
        ) from error


def _parse(file: TorchFile, path: Path) -> LightningCheckpoint:
    content = file.content
    try:
        hyper = _plain(content["hyper_parameters"])
        weights = {
            str(name): value
            for name, value in content["state_dict"].items()
            if isinstance(value, StoredTensor)
        }
        return LightningCheckpoint(
            settings=dict(hyper["cfg"]),
            classes=int(hyper["n_classes"]),
            step=int(content["global_step"]),
            epoch=int(content["epoch"]),
            scores=dict(_scores(content, file, path)),
            weights=weights,
            file=file,
        )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, UnreadableFileError):
            raise
        reason = f"it lacks what Lightning writes: {str(error) or type(error).__name__}"
        raise UnreadableFileError(reason.splitlines()[0]) from error


def _plain(value: Any) -> Any:
    """Settings as plain values, without the objects of OmegaConf and Lightning."""
    if isinstance(value, Inert):
        return _plain(_inside(value))
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _inside(node: Inert) -> Any:
    """The value inside a stand-in object; the name of its kind if it has none."""
    state = node.state if isinstance(node.state, Mapping) else {}
    for name in ("_content", "_val"):
        if name in state:
            return state[name]
    if node.entries:  # Lightning's AttributeDict
        return dict(node.entries)
    return node.kind


def _scores(
    content: Mapping[str, Any], file: TorchFile, path: Path
) -> Iterator[tuple[str, float]]:
    """Scores in the state of Lightning's callbacks, and in the file's name."""
    if named := NAMED_SCORE.search(path.name):
        yield "mIoU in the file's name", float(named.group(1))
    for state in dict(content.get("callbacks") or {}).values():
        monitor = state.get("monitor") if isinstance(state, Mapping) else None
        for key, what in CALLBACK_SCORES.items():
            value = state.get(key) if monitor else None
            if isinstance(value, StoredTensor) and not value.shape:
                value = float(file.tensor(value))
            if isinstance(value, float) and math.isfinite(value):
                yield f"{monitor}, {what}", value
