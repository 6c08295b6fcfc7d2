"""A data set whose images and labels are read from files."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.datasets.base import Image, Label, Number, Source
from trainer.datasets.crops import is_same_view, nearest_pixels
from trainer.datasets.decoding import read_stored
from trainer.datasets.derived_modality import DerivedModality
from trainer.datasets.exif import SIDEWAYS, turned_note
from trainer.datasets.file_tree import FileTree
from trainer.datasets.headers import read_orientation, read_size
from trainer.datasets.names import composed, name_in, text_of
from trainer.errors import DataError

__all__ = ["FileSource", "list_files", "pair_files"]

#: A check decodes all files of up to this many images; of more images it decodes the first one's
#: files and reads only the headers of the others.
DECODED_BY_CHECK = 500


@dataclass(frozen=True, kw_only=True)
class FileSource(Source):
    """A source whose images and labels are read from files."""

    #: Modality to image name to its file, or to the files that make one image together.
    images: Mapping[str, Mapping[str, Path | tuple[Path, ...]]]
    #: Image name to label file; a name without one has no label.
    labels: Mapping[str, Path]
    #: Modality to the reader of its images; takes as many paths as an image has files.
    read_image: Mapping[str, Callable[..., Image]]
    #: Reader of label files.
    read_label: Callable[[Path], Label]
    #: Names whose images and labels are mirrored left to right after reading.
    mirrored: frozenset[str] = frozenset()
    #: Modalities stored with rows and columns exchanged; they are turned back after reading.
    transposed: frozenset[str] = frozenset()
    #: Modality to the reader of its stored numbers, if only part of a file is used; takes as many
    #: paths as an image has files.
    read_stored: Mapping[str, Callable[..., NDArray[np.generic]]] = field(default_factory=dict)
    #: Modality to the reader of a user's own file, if the data set packs its files in a special
    #: way.
    read_own: Mapping[str, Callable[..., Image]] = field(default_factory=dict)
    #: Modality to the function that finds its unmeasured pixels; takes as many paths as an image
    #: has files.
    read_holes: Mapping[str, Callable[..., NDArray[np.bool_]]] = field(default_factory=dict)
    #: Modalities that take the nearest pixel if their size differs from the first modality's.
    resampled: frozenset[str] = frozenset()
    #: The setting that allows this for a modality, with ``{}`` for its name; empty without one.
    resample_option: str = ""
    #: Modalities whose images take long to compute from their files.
    computed: frozenset[str] = frozenset()
    #: Modality to the start and end of its file names, without the extension.
    affixes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    #: Modalities that are made from the images of others; they are computed.
    made: Mapping[str, DerivedModality] = field(default_factory=dict)

    def image(self, name: str, modality: str) -> Image:
        """See :class:`~trainer.datasets.base.Source`."""
        if modality in self.made:
            return self.make(
                modality, *(self.image(name, each) for each in self.made_from(modality))
            )
        image = self.read_image[modality](*self._paths(name, modality))
        return self._placed(name, modality, image)

    def made_from(self, modality: str) -> tuple[str, ...]:
        """See :class:`~trainer.datasets.base.Source`."""
        return self.made[modality].inputs if modality in self.made else ()

    def make(self, modality: str, *images: Image) -> Image:
        """See :class:`~trainer.datasets.base.Source`."""
        return self.made[modality].make(*images)

    def holes(self, name: str, modality: str) -> NDArray[np.bool_] | None:
        """See :class:`~trainer.datasets.base.Source`."""
        if modality not in self.read_holes:
            return None
        holes = self.read_holes[modality](*self._paths(name, modality))
        return self._placed(name, modality, holes)

    def _placed(self, name: str, modality: str, pixels: NDArray[Number]) -> NDArray[Number]:
        """Pixels, height and width first, in the orientation of the first modality."""
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
            return pixels  # the comparison of sizes refuses it
        return nearest_pixels(pixels, size)

    def size_advice(self, kind: str, size: tuple[int, ...], other: tuple[int, ...]) -> str:
        """See :class:`~trainer.datasets.base.Source`."""
        if tuple(size) == tuple(reversed(other)):
            return "turn one of them"
        can_be_resampled = bool(self.resample_option) and kind != "label"
        if kind in self.resampled or (can_be_resampled and not is_same_view(size, other)):
            return "it shows another view; cut both to the same part of the scene"
        advice = "bring them to one size"
        if can_be_resampled:
            advice = (
                f"set {self.resample_option.format(kind)} to take its nearest pixels, or {advice}"
            )
        return advice

    def _size(self, name: str) -> tuple[int, int]:
        """Height and width of the first modality's image."""
        first = next(iter(self.images))
        width, height = self._seen_size(self._paths(name, first)[0], first, late=True)
        return height, width

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

    def image_files(self, name: str, modality: str) -> tuple[Path, ...]:
        """See :class:`~trainer.datasets.base.Source`."""
        return self._paths(name, modality)

    def depends_on(self, modality: str) -> tuple[str, ...]:
        """See :class:`~trainer.datasets.base.Source`."""
        first = next(iter(self.images))  # decides about the size
        return (first, modality) if modality in self.resampled else (modality,)

    def is_computed(self, modality: str) -> bool:
        """See :class:`~trainer.datasets.base.Source`."""
        return modality in self.computed or modality in self.made

    def check(self) -> tuple[str, ...]:
        """Sizes of all files; the pixels of all if there are few images, else of the first."""
        names = list(next(iter(self.images.values())))
        kinds = (*self.images, *(("label",) if self.labels else ()))
        found: dict[str, Counter[int]] = {kind: Counter() for kind in kinds}
        for name in names:
            self._check_sizes(name)
            for kind in kinds:
                found[kind].update(
                    read_orientation(path, late=len(names) <= DECODED_BY_CHECK)
                    for path in self._files(name, kind)
                )
        for name in names if len(names) <= DECODED_BY_CHECK else names[:1]:
            for modality in self.images:
                self.image(name, modality)
            if name in self.labels:
                self.label(name)
        return turned_note(found)

    def orientations(self, name: str, kind: str) -> tuple[int, ...]:
        """See :class:`~trainer.datasets.base.Source`."""
        return tuple(read_orientation(path, late=True) for path in self._files(name, kind))

    def shared_file(self, modality: str, other: str) -> bool:
        """See :class:`~trainer.datasets.base.Source`."""
        return all(
            self._paths(name, other) == self._paths(name, modality)
            for name in self.images[modality]
        )

    def own_affixes(self) -> Mapping[str, tuple[str, str]]:
        """See :class:`~trainer.datasets.base.Source`."""
        return self.affixes

    def _files(self, name: str, kind: str) -> tuple[Path, ...]:
        """The files of an image in a modality, or its label file."""
        if kind in self.images or kind in self.made:
            return self._paths(name, kind)
        return (self.labels[name],) if name in self.labels else ()

    def _paths(self, name: str, modality: str) -> tuple[Path, ...]:
        if modality in self.made:
            inputs = (self._paths(name, each) for each in self.made_from(modality))
            return tuple(dict.fromkeys(path for paths in inputs for path in paths))
        paths = self.images[modality][name]
        return (paths,) if isinstance(paths, Path) else paths

    def stored(self, name: str, kind: str) -> NDArray[np.generic] | None:
        """See :class:`~trainer.datasets.base.Source`."""
        if kind in self.made:
            return None
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
                f"{paths[0]} is one of {len(paths)} files, but an image of {modality} consists of"
                f" {wanted}: give --modality {modality}=FOLDER{',FOLDER' * (wanted - 1)}"
            )
        return self.read_image[modality](*paths)

    def _check_sizes(self, name: str) -> None:
        (first, anchor), *others = [
            (path, kind) for kind in (*self.images, "label") for path in self._files(name, kind)
        ]
        for late in (False, True):  # the first pass is quick, the second finds every tag
            size = self._seen_size(first, anchor, late=late)
            others = [
                (path, kind)
                for path, kind in others
                if not self._suits(kind, size, self._seen_size(path, kind, late=late))
            ]
        for path, kind in others:
            self._refuse_size((first, anchor), (path, kind))

    def _suits(self, kind: str, size: tuple[int, int], other: tuple[int, int]) -> bool:
        return other == size or (kind in self.resampled and is_same_view(size, other))

    def _refuse_size(self, first: tuple[Path, str], other: tuple[Path, str]) -> None:
        size, (width, height) = (self._seen_size(*each, late=True) for each in (first, other))
        said = [
            f"{path} has the EXIF orientation {tag}"
            for path, _ in (first, other)
            if (tag := read_orientation(path, late=True)) in SIDEWAYS
        ]
        advice = f": {self.size_advice(other[1], (height, width), size[::-1])} or remove both"
        if said and self._suits(other[1], size, (height, width)):
            advice = f", but {' and '.join(said)}: turn the other file as well, or remove the tag"
        raise DataError(
            f"{other[0]} is {width} x {height} pixels but its image {first[0]} is {size[0]} x"
            f" {size[1]}{advice}"
        )

    def _seen_size(self, path: Path, kind: str, *, late: bool = False) -> tuple[int, int]:
        """Width and height; ``late`` also uses a tag after the pixels."""
        size = read_size(path, late=late)
        return size[::-1] if kind in self.transposed else size


def list_files(tree: FileTree, folder: Path, *, suffix: str) -> dict[str, Path]:
    """Files in the subfolders of a folder by their name without the suffix, sorted by path.

    Hidden files, which some systems put beside every copied file, are left out.

    Args:
        tree: The files under the data set's root.
        folder: The folder.
        suffix: End of the names, including the extension.

    Raises:
        DataError: If the folder is missing, or two files match a name.
    """
    if tree.folder(folder) is None:
        raise DataError(f"the folder {folder} does not exist: give the data set's root folder")
    found: dict[str, Path] = {}
    for inner in sorted(tree.folders(folder)):
        for path in tree.files(inner, deep=False):
            name = name_in(text_of(path.name), "", suffix)
            if name is not None and tree.find(path) == path:
                found[composed(name)] = path
    return found


def pair_files(
    images: Mapping[str, Mapping[str, Path | tuple[Path, ...]]], labels: Mapping[str, Path]
) -> tuple[set[str], tuple[str, ...]]:
    """Names that have an image in every modality and, if there are labels, a label.

    Args:
        images: Modality to image name to file or files, the main modality first.
        labels: Image name to label file; empty for a data set without labels. A label
            without an image is not a fault.

    Returns:
        The names, and a line for each image that lacks a file.
    """
    anchor, *others = images
    pairs = [pair for other in others for pair in ((anchor, other), (other, anchor))]
    faults = [
        _incomplete(files, wanted)
        for own, wanted in pairs
        for name, files in images[own].items()
        if name not in images[wanted]
    ]
    if labels:
        faults += [
            _incomplete(files, "label")
            for name, files in images[anchor].items()
            if name not in labels
        ]
    complete = set.intersection(*(set(by_name) for by_name in images.values()))
    return complete & set(labels) if labels else complete, tuple(faults)


def _incomplete(files: Path | tuple[Path, ...], wanted: str) -> str:
    path = files if isinstance(files, Path) else files[0]
    return f"{path} has no matching file of the kind {wanted!r}: add it or remove this one"
