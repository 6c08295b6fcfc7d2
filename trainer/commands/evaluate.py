"""``evaluate``: score a checkpoint on a split, as it is and with common test-time options."""

import dataclasses
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from trainer.commands.lines import percent_text, protocol_line, weights_text
from trainer.commands.setup import at_root, prepare_dataset_features, say, show_progress
from trainer.commands.tables import say_table
from trainer.config.configuration import TrainConfig
from trainer.config.toml_records import record_to_table
from trainer.datasets import open_dataset
from trainer.engine.run import Run, config_of
from trainer.features import DatasetFeatures, require_labelled, require_labels
from trainer.features.mirrored import Mirrored, prepare_mirrored
from trainer.features.pictures import Pictures
from trainer.protocols import protocol_text
from trainer.scoring.evaluation import Evaluation, evaluate
from trainer.scoring.prediction import TestTimeOptions

__all__ = ["Scoring", "evaluate_checkpoint"]


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """The split to score, and with which test-time options."""

    split: Literal["val", "test"]
    #: Whether to average codes with those of the mirrored image.
    flip: bool
    #: Whether a dense CRF refines the predictions, after averaging if both are set.
    crf: bool
    #: Whether to print one JSON object instead of a table.
    as_json: bool = False


def evaluate_checkpoint(
    checkpoint: Path,
    scoring: Scoring,
    *,
    data: Path | None,
    cache: Path | None,
    device: torch.device,
) -> None:
    """Print the scores of both probes as a table or as one JSON object.

    Args:
        checkpoint: Folder of the checkpoint.
        scoring: What to score, and how.
        data: Folder of the data set, if it was moved.
        cache: Folder of the feature cache; None for the user's own.
        device: Where to compute.

    Raises:
        TrainerError: If the checkpoint or its data are missing, damaged or do not match, the
            split has no labels, or a CRF is requested for data without RGB images.
    """
    settings = at_root(config_of(checkpoint), data)
    require_labelled(open_dataset(settings.data), split=scoring.split, wanted_by="evaluate")
    pictures = _open_pictures(settings) if scoring.crf else None
    dataset_features = prepare_dataset_features(
        settings, cache=cache, device=device, verify="small"
    )
    require_labels(dataset_features, split=scoring.split, wanted_by="evaluate")
    run = Run.restore(checkpoint, settings, dataset_features, device)
    iteration = run.load_selected()
    mirrored = (
        _prepare_mirrored(settings, dataset_features, scoring, cache, device)
        if scoring.flip
        else None
    )
    if not scoring.as_json:
        say(protocol_line(settings))
        say(weights_text(run))
    found = {
        name: _score(run, dataset_features, scoring.split, options, name, device)
        for name, options in _options(mirrored, pictures, dataset_features, scoring.split)
    }
    if scoring.as_json:
        say(json.dumps(_json(checkpoint, scoring.split, settings, iteration, found), indent=1))
        return
    rows = [row for name, evaluation in found.items() for row in _rows(name, evaluation)]
    columns = ("split", "predictions", "probe", "mIoU", "mIoU all", "accuracy")
    say_table(columns, [(scoring.split, *row) for row in rows], numbers=3)


def _open_pictures(settings: TrainConfig) -> Callable[[tuple[str, ...]], Pictures]:
    """Opens RGB images by name; fails at once if the data set has none."""
    data = dataclasses.replace(settings.data, modalities=("rgb",))
    opened = Pictures.open(data, settings.features, ())
    return lambda names: dataclasses.replace(opened, names=names)


def _prepare_mirrored(
    settings: TrainConfig,
    dataset_features: DatasetFeatures,
    scoring: Scoring,
    cache: Path | None,
    device: torch.device,
) -> Mirrored:
    with show_progress() as progress:
        return prepare_mirrored(
            settings,
            dataset_features,
            scoring.split,
            cache=cache,
            device=device,
            progress=progress,
        )


def _options(
    mirrored: Mirrored | None,
    pictures: Callable[[tuple[str, ...]], Pictures] | None,
    dataset_features: DatasetFeatures,
    split: Literal["val", "test"],
) -> Iterator[tuple[str, TestTimeOptions]]:
    """Test-time options by name; each adds to the one before."""
    yield "raw", TestTimeOptions()
    features = None if mirrored is None else mirrored.features
    if features is not None:
        yield "flip", TestTimeOptions(mirrored=features)
    if pictures is not None:
        guides = pictures(dataset_features.evaluated(split).names).guides
        name = "CRF" if features is None else "flip, CRF"
        yield name, TestTimeOptions(mirrored=features, guides=guides)


def _score(
    run: Run,
    dataset_features: DatasetFeatures,
    split: Literal["val", "test"],
    options: TestTimeOptions,
    name: str,
    device: torch.device,
) -> Evaluation:
    total = len(dataset_features.evaluated(split))
    with show_progress() as progress:
        return evaluate(
            run.scored(),
            dataset_features.evaluated(split),
            modalities=dataset_features.modalities,
            batch_size=run.config.evaluation.batch_size,
            device=device,
            options=options,
            on_images=lambda done: progress(f"score, {name}", done, total),
        )


def _rows(name: str, evaluation: Evaluation) -> Iterator[tuple[str, ...]]:
    for probe, scores in (("cluster", evaluation.cluster), ("linear", evaluation.linear)):
        numbers = (scores.miou, scores.miou_all, scores.accuracy)
        yield name, probe, *map(percent_text, numbers)


def _json(
    checkpoint: Path,
    split: Literal["val", "test"],
    settings: TrainConfig,
    iteration: int,
    found: Mapping[str, Evaluation],
) -> dict[str, Any]:
    """The scores for scripts, in percent; null if undefined."""
    return {
        "checkpoint": str(checkpoint),
        "split": split,
        "protocol": protocol_text(record_to_table(settings)),
        "iteration": iteration,
        "scores": [
            {
                "predictions": name,
                "probe": probe,
                "miou": _number(scores.miou),
                "miou_all": _number(scores.miou_all),
                "accuracy": _number(scores.accuracy),
            }
            for name, evaluation in found.items()
            for probe, scores in (("cluster", evaluation.cluster), ("linear", evaluation.linear))
        ],
    }


def _number(score: float) -> float | None:
    return None if math.isnan(score) else score
