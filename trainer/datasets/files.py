"""A data set whose images and labels lie in files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.datasets.base import Image, Label, Number, Source
from trainer.datasets.crops import is_same_view, nearest_pixels
from trainer.datasets.decoding import read_size, read_stored
from trainer.errors import DataError

__all__ = ["FileSource", "list_files", "pair_files"]

#: Up to this many images every file is decoded by a check; beyond, the first image's files are
#: and of the others only the headers are read.
DECODED_BY_CHECK = 500


@dataclass(frozen=True, kw_only=True)
class FileSource(Source):
    """A source whose images and labels are read from files."""

    #: Modality to image name to its file, or to the files that make one image together.
    images: Mapping[str, Mapping[str, Path | tuple[Path, ...]]]
    #: Image name to label file; a name without one has no label.
    labels: Mapping[str, Path]
    #: Modality to what reads an image of it; takes as many paths as an image has files.
    read_image: Mapping[str, Callable[..., Image]]
    #: What reads a label file.
    read_label: Callable[[Path], Label]
    #: Names whose images and labels are mirrored left to right once they are read.
    mirrored: frozenset[str] = frozenset()
    #: Modalities whose files have rows for columns; they are turned back once they are read.
    transposed: frozenset[str] = frozenset()
    #: Modality to what reads the numbers of its files as they are stored, where the whole of
    #: them is not meant; takes as many paths as an image has files.
    read_stored: Mapping[str, Callable[..., NDArray[np.generic]]] = field(default_factory=dict)
    #: Modality to what reads a file of a user's own, where the data set packs its own in a way
    #: that others do not.
    read_own: Mapping[str, Callable[..., Image]] = field(default_factory=dict)
    #: Modality to what tells which pixels of its files were not measured; takes as many paths as
    #: an image has files.
    read_holes: Mapping[str, Callable[..., NDArray[np.bool_]]] = field(default_factory=dict)
    #: Modalities that take the nearest pixel where their images are of another size than the
    #: first modality's.
    resampled: frozenset[str] = frozenset()
    #: The setting that makes a modality one of those, ``{}`` for its name; empty without one.
    resample_option: str = ""

    def image(self, name: str, modality: str) -> Image:
        """See :class:`~trainer.datasets.base.Source`."""
        image = self.read_image[modality](*self._paths(name, modality))
        return self._placed(name, modality, image)

    def holes(self, name: str, modality: str) -> NDArray[np.bool_] | None:
        """See :class:`~trainer.datasets.base.Source`."""
        if modality not in self.read_holes:
            return None
        holes = self.read_holes[modality](*self._paths(name, modality))
        return self._placed(name, modality, holes)

    def _placed(self, name: str, modality: str, pixels: NDArray[Number]) -> NDArray[Number]:
        """Pixels with height and width first, as the first modality lies."""
        if modality in self.transposed:
            pixels = pixels.swapaxes(0, 1)
        if modality in self.resampled:
            pixels = self.fitted(modality, pixels, self._size(name))
        if name in self.mirrored:
            pixels = pixels[:, ::-1]
        return np.ascontiguousarray(pixels)

    def fitted(
        self, modality: str, pixels: NDArray[Number], size: tuple[int, int]
    ) -> NDArray[Number]:
        """See :class:`~trainer.datasets.base.Source`."""
        if modality not in self.resampled or not is_same_view(pixels.shape[:2], size):
            return pixels  # whoever compares sizes refuses what differs
        return nearest_pixels(pixels, size)

    def size_advice(self, kind: str) -> str:
        """See :class:`~trainer.datasets.base.Source`."""
        if kind in self.resampled:
            return "it shows another view; cut both to the same part of the scene"
        advice = "bring them to one size"
        if self.resample_option and kind != "label":
            advice = (
                f"set {self.resample_option.format(kind)} to take its nearest pixels, {advice}"
            )
        return advice

    def _size(self, name: str) -> tuple[int, int]:
        """Height and width of the first modality's image."""
        first = next(iter(self.images))
        width, height = read_size(self._paths(name, first)[0])
        return (width, height) if first in self.transposed else (height, width)

    def label(self, name: str) -> Label:
        """See :class:`~trainer.datasets.base.Source`."""
        label = self.read_label(self.labels[name])
        return np.ascontiguousarray(label[:, ::-1]) if name in self.mirrored else label

    def files(self) -> tuple[Path, ...]:
        """See :class:`~trainer.datasets.base.Source`."""
        paths = set(self.labels.values())
        for modality, by_name in self.images.items():
            for name in by_name:
                paths.update(self._paths(name, modality))
        return tuple(sorted(paths))

    def check(self) -> None:
        """Sizes of all files; the pixels of all where there are few images, else of the first."""
        names = list(next(iter(self.images.values())))
        for name in names:
            self._check_sizes(name)
        for name in names if len(names) <= DECODED_BY_CHECK else names[:1]:
            for modality in self.images:
                self.image(name, modality)
            if name in self.labels:
                self.label(name)

    def _paths(self, name: str, modality: str) -> tuple[Path, ...]:
        paths = self.images[modality][name]
        return (paths,) if isinstance(paths, Path) else paths

    def stored(self, name: str, kind: str) -> NDArray[np.generic]:
        """See :class:`~trainer.datasets.base.Source`."""
        paths = (self.labels[name],) if kind == "label" else self._paths(name, kind)
        read: Callable[..., NDArray[np.generic]] = read_stored
        stored = self.read_stored.get(kind, read)(*paths)
        return stored.swapaxes(0, 1) if kind in self.transposed else stored

    def decode(self, modality: str, *paths: Path) -> Image:
        """See :class:`~trainer.datasets.base.Source`."""
        if modality in self.read_own:
            return self.read_own[modality](*paths)
        wanted = len(self._paths(next(iter(self.images[modality])), modality))
        if len(paths) != wanted:
            raise DataError(
                f"{paths[0]} is one of {len(paths)} files, where {wanted} make an image of"
                f" {modality}: give --modality {modality}=FOLDER{',FOLDER' * (wanted - 1)}"
            )
        return self.read_image[modality](*paths)

    def _check_sizes(self, name: str) -> None:
        sizes = {
            path: (modality, read_size(path)[:: -1 if modality in self.transposed else 1])
            for modality in self.images
            for path in self._paths(name, modality)
        }
        if name in self.labels:
            sizes[self.labels[name]] = ("label", read_size(self.labels[name]))
        first, (_, size) = next(iter(sizes.items()))
        for path, (kind, other) in sizes.items():
            if kind in self.resampled and is_same_view(size, other):
                continue
            if other != size:
                raise DataError(
                    f"{path} is {other[0]} x {other[1]} pixels but its image {first} is"
                    f" {size[0]} x {size[1]}: {self.size_advice(kind)} or remove both"
                )


def list_files(folder: Path, *, suffix: str) -> dict[str, Path]:
    """Files in the folders of a folder, by their name without the suffix, in order of paths.

    Hidden files, which some systems put beside every file they copy, are none of them.

    Raises:
        DataError: If the folder is missing.
    """
    if not folder.is_dir():
        raise DataError(f"the folder {folder} does not exist: give the data set's root folder")
    found = (path for path in folder.glob(f"*/*{suffix}") if not path.name.startswith("."))
    return {path.name.removesuffix(suffix): path for path in sorted(found)}


def pair_files(
    images: Mapping[str, Mapping[str, Path | tuple[Path, ...]]], labels: Mapping[str, Path]
) -> tuple[set[str], tuple[str, ...]]:
    """Names that have an image in every modality and, where there are labels, a label.

    Args:
        images: Modality to image name to file or files, the anchor first.
        labels: Image name to label file; empty for a data set without labels. A label
            without an image is no fault.

    Returns:
        The names, and a line for each file whose partner is missing.
    """
    anchor, *others = images
    pairs = [pair for other in others for pair in ((anchor, other), (other, anchor))]
    faults = [
        _lonely(files, wanted)
        for own, wanted in pairs
        for name, files in images[own].items()
        if name not in images[wanted]
    ]
    if labels:
        faults += [
            _lonely(files, "label") for name, files in images[anchor].items() if name not in labels
        ]
    complete = set.intersection(*(set(by_name) for by_name in images.values()))
    return complete & set(labels) if labels else complete, tuple(faults)


def _lonely(files: Path | tuple[Path, ...], wanted: str) -> str:
    path = files if isinstance(files, Path) else files[0]
    return f"{path} has no partner of the kind {wanted!r}: add the missing file or remove this one"
