"""The pictures of a finished run: small PNG files. A new one is a line in the table.

They show val with the weights that ``evaluation.report`` selects, and draw no random number.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from trainer.config.configuration import TrainConfig
from trainer.datasets.base import Label
from trainer.engine.run import Run
from trainer.errors import TrainerError
from trainer.features.dataset_features import DatasetFeatures
from trainer.figures.colour import Colour
from trainer.figures.quick.confusion import draw_confusion
from trainer.figures.quick.distribution import draw_distribution
from trainer.figures.quick.grid import Row, draw_grid, fitted, photo_colours
from trainer.figures.quick.losses import draw_losses
from trainer.figures.run_predictions import RunPredictions, spread
from trainer.figures.shown_images import read_images

__all__ = ["PICTURES", "TrialPictures"]

SCENES = 3  # of val
TRUTH, PREDICTION, NO_CLASS = "ground truth", "prediction", "(no class)"


@dataclass(frozen=True, kw_only=True)
class _Scenes:
    """Some images of val, which are the same for every run."""

    indices: Sequence[int]
    #: Images in the size of a cell; without any if they cannot be read.
    rows: Sequence[Row]
    #: The colours that they need.
    photos: Sequence[Colour]
    #: Why there are no images; empty if there are.
    missing: str = ""


@dataclass(frozen=True, kw_only=True)
class _Inputs:
    """What the pictures of one run are drawn from."""

    seen: RunPredictions
    scenes: _Scenes
    title: str


class TrialPictures:
    """Draws the pictures of one run after the other; images are read once for all."""

    def __init__(self, dataset_features: DatasetFeatures, device: torch.device) -> None:
        """Prepare; nothing is read yet.

        Args:
            dataset_features: The features of all runs.
            device: Where to compute.
        """
        self._dataset_features, self._device = dataset_features, device
        self._scenes: _Scenes | None = None

    @property
    def missing(self) -> str:
        """Why pictures have no images; empty if they have, or before the first one."""
        return "" if self._scenes is None else self._scenes.missing

    def draw(self, run: Run, title: str) -> Iterator[tuple[str, bytes]]:
        """Names and PNG files, each as soon as it is drawn.

        Args:
            run: The run, which is not to be trained further.
            title: Its name in the titles.
        """
        if self._scenes is None:
            self._scenes = _read_scenes(run.config, self._dataset_features)
        seen = RunPredictions(
            run=run,
            dataset_features=self._dataset_features,
            split="val",
            evaluation=run.evaluate_selected(),
            device=self._device,
        )
        title = f"{title} ({run.config.method.name})"
        inputs = _Inputs(seen=seen, scenes=self._scenes, title=title)
        for name, draw in PICTURES.items():
            picture = draw(inputs)
            if picture is not None:
                yield name, picture


def _read_scenes(config: TrainConfig, dataset_features: DatasetFeatures) -> _Scenes:
    names, modalities = dataset_features.val.names, dataset_features.modalities
    indices = spread(len(names), SCENES)
    try:
        shown = read_images(config, modalities, names, indices)
    except TrainerError as error:  # such as on a node that has only the features
        rows = [Row(name=names[index], images={}, labels={}) for index in indices]
        missing = f"The images cannot be read here: {error}"
        return _Scenes(indices=indices, rows=rows, photos=(), missing=missing)
    rows = [
        Row(
            name=each.name,
            images={modality: fitted(image) for modality, image in each.images.items()},
            labels={},
        )
        for each in shown
    ]
    return _Scenes(indices=indices, rows=rows, photos=photo_colours(rows))


def _grid(inputs: _Inputs) -> bytes:
    seen, scenes = inputs.seen, inputs.scenes
    truth, predicted = seen.images.labels, seen.class_maps(scenes.indices)
    rows = []
    for row, index, made in zip(scenes.rows, scenes.indices, predicted, strict=True):
        labels: dict[str, Label] = {} if truth is None else {TRUTH: np.asarray(truth[index])}
        labels |= {PREDICTION: made}
        rows.append(Row(name=row.name, images=row.images, labels=labels))
    return draw_grid(
        rows,
        seen.naming.names,
        seen.palette,
        photos=scenes.photos,
        title=f"Predictions, {inputs.title}, val",
        note=scenes.missing,
    )


def _confusion(inputs: _Inputs) -> bytes | None:
    seen = inputs.seen
    if not seen.labelled:
        return None
    cluster = seen.evaluation.cluster
    scores = f"mIoU {cluster.miou:.2f}, accuracy {cluster.accuracy:.2f}"
    return draw_confusion(
        seen.named_counts(),
        seen.dataset_features.classes,
        seen.naming.names,
        title=f"Confusion, {inputs.title}, val: {scores}",
    )


def _distribution(inputs: _Inputs) -> bytes | None:
    seen = inputs.seen
    if not seen.labelled:
        return None
    classes = seen.dataset_features.classes
    counts_YZ = seen.named_counts()
    predicted_Z = counts_YZ.sum(axis=0)
    others = predicted_Z[len(classes) :].sum()
    shares = {
        TRUTH: np.append(counts_YZ.sum(axis=1), 0),
        PREDICTION: np.append(predicted_Z[: len(classes)], others),
    }
    names = (*classes, NO_CLASS)
    if not others:
        names, shares = classes, {name: each[:-1] for name, each in shares.items()}
    return draw_distribution(shares, names, title=f"Class distribution, {inputs.title}, val")


def _losses(inputs: _Inputs) -> bytes | None:
    reports = inputs.seen.run.reports
    return draw_losses(reports, title=f"Losses, {inputs.title}") if reports else None


#: Pictures by name, in the order of a trial's page; one returns None if it has nothing to show.
PICTURES: Mapping[str, Callable[[_Inputs], bytes | None]] = {
    "grid": _grid,
    "confusion": _confusion,
    "classes": _distribution,
    "losses": _losses,
}
