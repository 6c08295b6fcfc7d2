"""From images to the arrays of a cache entry.

Letters of shapes: ``docs/architecture.md``.
"""

import dataclasses
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.backbones import Backbone
from trainer.backbones.base import Scaling
from trainer.backbones.exact import exact_features
from trainer.config.configuration import FeatureConfig
from trainer.datasets import DataSet
from trainer.datasets.base import Image, Label, Split
from trainer.datasets.crops import crop_boxes, jpeg_round_trip, square_image, square_label
from trainer.errors import DataError
from trainer.features.cache_entry import EntryWriter
from trainer.features.featuriser import featuriser, is_standardised, map_channels
from trainer.features.reading import read_ahead
from trainer.methods.feature_map import FeatureMap

__all__ = ["Extraction", "SquareRule", "Standard"]

BATCH = 32  # squares through the backbone at a time
SAMPLE = 64  # training images from which statistics are estimated
LIMIT = 4.0  # standard deviations, so that a rare token does not dominate its cosines

#: Names of images, and the modality in which they are read.
_Batch = tuple[tuple[str, ...], str]


@dataclass(frozen=True, kw_only=True)
class SquareRule:
    """How the images of a split become squares."""

    crop: Literal["five", "none"]
    #: Side of a square, pixels.
    side: int
    #: How a crop is stored before it is resized.
    storage: Literal["lossless", "jpeg75"] = "lossless"

    @property
    def each(self) -> int:
        """Number of squares per image."""
        return len(crop_boxes(self.crop, 2, 2))

    def images(self, image: Image, resize: Literal["bilinear", "nearest"]) -> list[torch.Tensor]:
        """The squares of an image, each with shape (3, h, w), h = w."""
        cuts = [box.cut(image) for box in crop_boxes(self.crop, *image.shape[:2])]
        if self.storage == "jpeg75":
            cuts = [jpeg_round_trip(cut) for cut in cuts]
        return [square_image(cut, side=self.side, resize=resize) for cut in cuts]

    def labels(self, label: Label) -> list[Label]:
        """The same squares of a label, each with shape (h, w)."""
        boxes = crop_boxes(self.crop, *label.shape)
        return [square_label(box.cut(label), side=self.side) for box in boxes]


@dataclass(frozen=True, kw_only=True)
class Standard:
    """Measured and desired mean and deviation of each channel of one modality."""

    #: Rows with shape (C,): measured mean and deviation, then desired deviation and mean.
    rows_4C: torch.Tensor

    def apply(self, features: torch.Tensor) -> torch.Tensor:
        """Centred and scaled features, of any shape that ends in C."""
        mean, deviation, wanted, common = self.rows_4C.unbind()
        standard: torch.Tensor = ((features - mean) / deviation).clamp(-LIMIT, LIMIT)
        return standard * wanted + common


@dataclass(frozen=True, kw_only=True)
class Extraction:
    """Reads a data set, runs the backbone and writes the arrays."""

    data_set: DataSet
    backbone: Backbone
    config: FeatureConfig
    device: torch.device
    #: Called with the name of a step, how much of it is done, and its total.
    progress: Callable[[str, int, int], None]
    #: Modality to images by name that were computed before; others are read.
    kept: Mapping[str, Mapping[str, Image]] = field(default_factory=dict)
    #: Maps of the train split in addition to the features.
    maps: tuple[FeatureMap, ...] = ()

    def splits(self) -> dict[str, tuple[Split, SquareRule]]:
        """Train, val and test, and how their images become squares."""
        train = SquareRule(
            crop=self.config.crop,
            side=self.config.train_resolution,
            storage=self.config.crop_storage,
        )
        whole = SquareRule(crop="none", side=self.config.eval_resolution)
        data = self.data_set
        return {"train": (data.train, train), "val": (data.val, whole), "test": (data.test, whole)}

    def size(self, without: Collection[str] = ()) -> int:
        """Bytes of the cache entry, apart from a few kilobytes.

        Args:
            without: Names of arrays of features that need not be counted.
        """
        number = np.dtype(self.config.dtype).itemsize
        total = 0
        for name, (split, rule) in self.splits().items():
            tokens = (rule.side // self.backbone.patch) ** 2
            own = [each for each in self.data_set.modalities if f"{name}.{each}" not in without]
            channels = self.backbone.channels * len(own)
            if name == "train":
                channels += sum(
                    map_channels(each, self.backbone.channels)
                    for each in self.maps
                    if f"train.{each.name}" not in without
                )
            square = tokens * channels * number + rule.side**2
            total += len(split) * rule.each * square
        crops = len(self.data_set.train) * self.splits()["train"][1].each
        return total + crops * min(self.config.neighbours, crops - 1) * np.dtype(np.int64).itemsize

    def standards(self, modalities: Collection[str]) -> dict[str, Standard]:
        """Statistics per modality on a sample of the train split, if the backbone needs them."""
        scaling = self.backbone.scaling
        if scaling is None:
            return {}
        split, rule = self.splits()["train"]
        names = split.names[:: max(1, len(split) // SAMPLE)]
        return {modality: self._measure(names, modality, rule, scaling) for modality in modalities}

    def write(
        self,
        entry: EntryWriter,
        name: str,
        standards: Mapping[str, Standard],
        without: Collection[str] = (),
    ) -> None:
        """Write features and labels of a split as ``NAME.MODALITY`` and ``NAME.labels``.

        Args:
            entry: Where to write them.
            name: Name of the split.
            standards: Modality to the statistics by which its features are scaled.
            without: Names of arrays that the entry already has.
        """
        split, rule = self.splits()[name]
        count, shape = len(split) * rule.each, self._shape(split, rule)
        arrays = {
            modality: entry.begin(f"{name}.{modality}", shape, self.config.dtype)
            for modality in self.data_set.modalities
            if f"{name}.{modality}" not in without
        }
        labels = None
        if split.labelled:
            labels = entry.begin(f"{name}.labels", (count, rule.side, rule.side), np.uint8)
        if not arrays and labels is None:
            return
        what = "features" if arrays else "labels"
        done, batches = 0, list(_batches(split.names, rule))
        each = [(names, modality) for names in batches for modality in arrays]
        with closing(self._each(each, rule)) as features:
            for names in batches:
                for modality, array in arrays.items():
                    standard = standards.get(modality)
                    array.append(self._rows(names, modality, next(features), rule, standard))
                if labels is not None:
                    labels.append(self._labels(names, rule))
                done += len(names)
                self.progress(f"{what} of {name}", done, len(split))
        entry.finish()

    def write_map(
        self, entry: EntryWriter, feature_map: FeatureMap, standards: Mapping[str, Standard]
    ) -> None:
        """Write a map of the train split as ``train.NAME``.

        Args:
            entry: Where to write it.
            feature_map: The map.
            standards: Modality to the statistics by which its features are scaled.
        """
        modality = feature_map.modality
        odd = self.data_set.odd_channels.get(modality, ())
        changed = dataclasses.replace(
            self, backbone=featuriser(self.backbone, feature_map, odd=odd)
        )
        split, rule = self.splits()["train"]
        standard = standards.get(modality) if is_standardised(feature_map) else None
        array = entry.begin(
            f"train.{feature_map.name}", changed._shape(split, rule), self.config.dtype
        )
        done, batches = 0, list(_batches(split.names, rule))
        with closing(changed._each([(names, modality) for names in batches], rule)) as features:
            for names, maps in zip(batches, features, strict=True):
                array.append(changed._rows(names, modality, maps, rule, standard))
                done += len(names)
                self.progress(
                    f"{feature_map.view} {feature_map.output} of train", done, len(split)
                )
        entry.finish()

    def _shape(self, split: Split, rule: SquareRule) -> tuple[int, ...]:
        """Shape of the features of a split: (N, H, W, C)."""
        grid = rule.side // self.backbone.patch
        return len(split) * rule.each, grid, grid, self.backbone.channels

    def _rows(
        self,
        names: tuple[str, ...],
        modality: str,
        features: torch.Tensor,
        rule: SquareRule,
        standard: Standard | None,
    ) -> NDArray[np.floating[Any]]:
        if standard is not None:
            features = standard.apply(features)
        with np.errstate(over="ignore"):  # reported below, with the image's name
            rows: NDArray[np.floating[Any]] = features.cpu().numpy().astype(self.config.dtype)
        _check_finite(
            np.isfinite(rows).all(axis=(1, 2, 3)),
            _owners(names, rule),
            f"{modality} features that are too large for {self.config.dtype}: set features.dtype"
            " to 'float32'",
        )
        return rows

    def _each(
        self, batches: Sequence[_Batch], rule: SquareRule
    ) -> Generator[torch.Tensor, None, None]:
        """Features of each batch; the images of the next are read while the backbone runs."""
        with closing(read_ahead(lambda batch: self._squares(*batch, rule), batches)) as read:
            for (names, modality), squares_N3hw in zip(batches, read, strict=True):
                yield self._features(names, modality, squares_N3hw, rule)

    def _squares(self, names: tuple[str, ...], modality: str, rule: SquareRule) -> torch.Tensor:
        """The squares of some images with shape (N, 3, h, w)."""
        squares = []
        for name in names:
            squares += rule.images(self._image(name, modality), self.config.resize)
        return torch.stack(squares)

    def _image(self, name: str, modality: str) -> Image:
        kept = self.kept.get(modality, {}).get(name)
        return self.data_set.source.image(name, modality) if kept is None else kept

    def _features(
        self, names: tuple[str, ...], modality: str, squares_N3hw: torch.Tensor, rule: SquareRule
    ) -> torch.Tensor:
        """Features with shape (N, H, W, C), finite."""
        features = exact_features(self.backbone, squares_N3hw, self.device)
        _check_finite(
            features.isfinite().flatten(1).all(dim=1).cpu().numpy(),
            _owners(names, rule),
            f"{modality} features that are not finite: remove the image or use other weights",
        )
        return features

    def _labels(self, names: tuple[str, ...], rule: SquareRule) -> NDArray[np.uint8]:
        """Labels with shape (N, h, w)."""
        squares = []
        for name in names:
            squares += rule.labels(self.data_set.source.label(name))
        return np.stack(squares)

    def _measure(
        self, names: tuple[str, ...], modality: str, rule: SquareRule, scaling: Scaling
    ) -> Standard:
        channels, count, done = self.backbone.channels, 0, 0
        sums = torch.zeros(2, channels, dtype=torch.float64, device=self.device)
        batches = list(_batches(names, rule))
        with closing(self._each([(batch, modality) for batch in batches], rule)) as features:
            for batch, maps in zip(batches, features, strict=True):
                tokens = maps.flatten(0, 2).double()
                sums += torch.stack([tokens.sum(dim=0), (tokens**2).sum(dim=0)])
                count += len(tokens)
                done += len(batch)
                self.progress(f"statistics of {modality}", done, len(names))
        mean, square = sums / count
        deviation = (square - mean**2).clamp(min=0).sqrt()
        wanted = mean.new_tensor(scaling.deviations)
        rows = [mean, deviation.clamp(min=1e-6), wanted, torch.full_like(mean, scaling.mean)]
        return Standard(rows_4C=torch.stack(rows).float())


def _owners(names: tuple[str, ...], rule: SquareRule) -> list[str]:
    """The image of each square."""
    return [name for name in names for _ in range(rule.each)]


def _check_finite(finite_N: NDArray[np.bool_], owners: list[str], fault: str) -> None:
    if not finite_N.all():
        owner = owners[int(np.argmin(finite_N))]
        raise DataError(f"the image {owner!r} has {fault}")


def _batches(names: tuple[str, ...], rule: SquareRule) -> Iterator[tuple[str, ...]]:
    step = max(1, BATCH // rule.each)
    for start in range(0, len(names), step):
        yield names[start : start + step]
