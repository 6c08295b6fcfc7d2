"""What a run trains and is scored on: frozen features, labels and neighbours, memory-mapped.

Letters of shapes: ``docs/architecture.md``.

The three splits are three types. A function that selects (an iterate, a trial, a setting)
takes a :class:`ValSplit`, so that handing it the test split is a type error.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trainer.datasets import DataSet
from trainer.errors import DataError

__all__ = [
    "IGNORE",
    "DatasetFeatures",
    "Features",
    "TestSplit",
    "TrainSplit",
    "ValSplit",
    "require_labelled",
    "require_labels",
]

#: Label of a pixel that has no class.
IGNORE = 255

#: Frozen features, float16 or float32, read-only and memory-mapped.
Features = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class TrainSplit:
    """The crops a run trains on."""

    #: Modality to features with shape (N, H, W, C).
    features: Mapping[str, Features]
    #: Classes with shape (N, h, w), 255 where there is none; None for a split without labels.
    labels: NDArray[np.uint8] | None
    #: Nearest crops with shape (N, V), nearest first, never the crop itself.
    neighbours: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.neighbours)


@dataclass(frozen=True, kw_only=True)
class _EvaluationSplit:
    #: Modality to features with shape (N, H, W, C).
    features: Mapping[str, Features]
    #: Classes with shape (N, h, w), 255 where there is none; None for a split without labels.
    labels: NDArray[np.uint8] | None
    #: Names of the images, in order.
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, kw_only=True)
class ValSplit(_EvaluationSplit):
    """The images that runs are scored and selected on."""


@dataclass(frozen=True, kw_only=True)
class TestSplit(_EvaluationSplit):
    """The images that a chosen run is reported on, once; nothing selects by them."""

    __test__ = False  # not a test case, whatever pytest makes of the name


@dataclass(frozen=True, kw_only=True)
class DatasetFeatures:
    """Everything :func:`trainer.features.prepare` prepares for a configuration."""

    #: Class names; a label is an index into them.
    classes: tuple[str, ...]
    #: One RGB colour a class, for pictures.
    palette: tuple[tuple[int, int, int], ...]
    #: Modalities in the order of the configuration, the anchor first.
    modalities: tuple[str, ...]
    #: Feature channels C, the same for every modality.
    channels: int
    train: TrainSplit
    val: ValSplit
    test: TestSplit
    #: Hashes that say what the features came from: ``data``, ``weights``, ``bank``.
    fingerprints: Mapping[str, str]
    #: Folder of its cache entry, for another process to open; None if it has none.
    folder: Path | None = None
    #: Modality to the rows of ``trainer.features.extraction.Standard``, shape (4, C), that its
    #: features were standardised with; empty for a backbone that needs none.
    standards: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    #: Whether the user chose the palette: then pictures use no other.
    palette_chosen: bool = False
    #: Keeps the bank from being pruned as long as it lives.
    use: object = field(default=None, repr=False, compare=False)

    def evaluated(self, split: Literal["val", "test"]) -> ValSplit | TestSplit:
        """The evaluation split of that name, for what selects nothing by it."""
        return self.val if split == "val" else self.test


def require_labelled(
    data_set: DataSet, *, split: Literal["val", "test"] = "val", wanted_by: str = "a search"
) -> None:
    """The same as :func:`require_labels`, before features are made and without decoding images.

    Args:
        data_set: What is to be scored.
        split: The split.
        wanted_by: What asks for the scores, for the message.

    Raises:
        DataError: If the split has no label files.
    """
    if not data_set.splits()[split].labelled:
        raise _unlabelled(split, wanted_by)


def require_labels(
    dataset_features: DatasetFeatures,
    *,
    split: Literal["val", "test"] = "val",
    wanted_by: str = "a search",
) -> None:
    """Refuse material of which a split cannot be scored.

    Args:
        dataset_features: What is to be scored.
        split: The split.
        wanted_by: What asks for the scores, for the message.

    Raises:
        DataError: If the split has no labels, or not one pixel with a class.
    """
    labels = dataset_features.evaluated(split).labels
    if labels is None:
        raise _unlabelled(split, wanted_by)
    if not any((image != IGNORE).any() for image in labels):
        raise DataError(
            f"{wanted_by} needs labels on {split} to score: no pixel there has a class; give the"
            " label files that belong to this data set"
        )


def _unlabelled(split: str, wanted_by: str) -> DataError:
    return DataError(
        f"{wanted_by} needs labels on {split} to score: this data set has no labels there; add"
        " label files or choose a data set with labels"
    )
