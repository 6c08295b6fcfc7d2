"""The data that a run is trained and scored on: frozen features, labels and neighbours.

Letters of shapes: ``docs/architecture.md``.

All arrays are memory-mapped. The three splits are three types. A function that selects weights, a
trial or a setting takes a :class:`ValSplit`, so that passing it the test split is a type error.
Evaluation splits are compared by identity.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trainer.datasets import DataSet
from trainer.errors import DataError
from trainer.methods.feature_map import FeatureMap

__all__ = [
    "IGNORE",
    "DatasetFeatures",
    "Features",
    "TestSplit",
    "TrainSplit",
    "ValSplit",
    "require_images",
    "require_labelled",
    "require_labels",
]

#: Label of a pixel that has no class.
IGNORE = 255

#: Frozen features, float16 or float32, read-only and memory-mapped.
Features = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class TrainSplit:
    """The crops that a run trains on."""

    #: Modality to features with shape (N, H, W, C).
    features: Mapping[str, Features]
    #: Classes with shape (N, h, w), 255 for pixels without a class; None without labels.
    labels: NDArray[np.uint8] | None
    #: Nearest crops with shape (N, V), nearest first, never the crop itself.
    neighbours: NDArray[np.int64]
    #: Maps that the method reads in addition, each with shape (N, H, W, channels).
    maps: Mapping[FeatureMap, Features] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.neighbours)


@dataclass(frozen=True, kw_only=True, eq=False)
class _EvaluationSplit:
    #: Modality to features with shape (N, H, W, C).
    features: Mapping[str, Features]
    #: Classes with shape (N, h, w), 255 for pixels without a class; None without labels.
    labels: NDArray[np.uint8] | None
    #: Names of the images, in order.
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, kw_only=True, eq=False)
class ValSplit(_EvaluationSplit):
    """The images on which runs are scored and selected."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TestSplit(_EvaluationSplit):
    """The images on which a selected run is scored once; nothing is selected by them."""

    __test__ = False  # not a test case, despite its name


@dataclass(frozen=True, kw_only=True)
class DatasetFeatures:
    """Everything :func:`trainer.features.prepare` prepares for a configuration."""

    #: Class names; a label is an index into them.
    classes: tuple[str, ...]
    #: One RGB colour per class, for figures.
    palette: tuple[tuple[int, int, int], ...]
    #: Modalities in the order of the configuration.
    modalities: tuple[str, ...]
    #: Feature channels C, the same for every modality.
    channels: int
    train: TrainSplit
    val: ValSplit
    test: TestSplit
    #: Hashes that identify the origin of the features: ``data``, ``weights``, ``bank``.
    fingerprints: Mapping[str, str]
    #: Folder of the cache entry, for other processes to open; None if there is none.
    folder: Path | None = None
    #: Per modality, the rows of ``trainer.features.extraction.Standard`` with which its features
    #: were standardised, shape (4, C); empty if the backbone needs no standardisation.
    standards: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    #: Whether the user chose the palette, so that figures use no other.
    palette_chosen: bool = False
    #: Prevents the cache entry from being removed while it exists.
    use: object = field(default=None, repr=False, compare=False)

    def evaluated(self, split: Literal["val", "test"]) -> ValSplit | TestSplit:
        """The evaluation split of that name, for callers that select nothing by it."""
        return self.val if split == "val" else self.test


#: What to do about a data set without labels.
ADD_LABELS = "add label files, or choose a data set with labels"


def require_labelled(
    data_set: DataSet,
    *,
    split: Literal["val", "test"] = "val",
    wanted_by: str = "a search",
    fix: str = ADD_LABELS,
) -> None:
    """Refuse a data set without labels on a split, before features are computed.

    Args:
        data_set: The data set to score.
        split: The split.
        wanted_by: What needs the scores, for the message.
        fix: What the user can do.

    Raises:
        DataError: If the split has no label files.
    """
    if not data_set.splits()[split].labelled:
        raise _unlabelled(split, wanted_by, fix)


def require_labels(
    dataset_features: DatasetFeatures,
    *,
    split: Literal["val", "test"] = "val",
    wanted_by: str = "a search",
    fix: str = ADD_LABELS,
) -> None:
    """Refuse features of a data set on whose split nothing can be scored.

    Args:
        dataset_features: The data set to score.
        split: The split.
        wanted_by: What needs the scores, for the message.
        fix: What the user can do.

    Raises:
        DataError: If the split has no labels, or not one pixel with a class.
    """
    labels = dataset_features.evaluated(split).labels
    if labels is None:
        raise _unlabelled(split, wanted_by, fix)
    if not any((image != IGNORE).any() for image in labels):
        raise DataError(
            f"{wanted_by} needs labels on {split} for scoring, but no pixel there has a class: use"
            " the label files that belong to this data set"
        )


def require_images(images: int, *, least: int) -> None:
    """Refuse a val split with too few images.

    Args:
        images: Images of the val split.
        least: How many the objective needs.

    Raises:
        DataError: If there are fewer.
    """
    if images < least:
        raise DataError(
            f"this objective compares images of val, which has {images} instead of at least"
            f" {least}: add images to val or choose another objective"
        )


def _unlabelled(split: str, wanted_by: str, fix: str) -> DataError:
    return DataError(
        f"{wanted_by} needs labels on {split} for scoring, but this data set has none there: {fix}"
    )
