"""Reading every image and label of a data set, continuing after faults.

Letters of shapes: ``docs/architecture.md``.
"""

from collections.abc import Callable, Iterator

import numpy as np

from trainer.datasets import DataSet
from trainer.datasets.alignment import Alignment, Shift, edges_of
from trainer.datasets.base import Image, Label
from trainer.datasets.contradiction import TurnedPairs
from trainer.datasets.crops import LEAST_SIDE
from trainer.datasets.exif import UPRIGHT, turned_note
from trainer.errors import DataError
from trainer.features.dataset_features import IGNORE
from trainer.inspection.facts import Finding, Inspection, KindFacts, SplitFacts

__all__ = ["walk_through"]

SAMPLE = 24  # images whose modalities are compared for a shift
SMALLEST = 64  # pixels of a side: smaller images can match by chance

Progress = Callable[[str, int, int], None]


def walk_through(data_set: DataSet, progress: Progress) -> Inspection:
    """Read everything.

    Args:
        data_set: Opened by ``find_dataset``, with or without faults.
        progress: Called with the name of the step, the number done, and the total.
    """
    walker = _Walker(data_set)
    total = sum(len(split) for split in data_set.splits().values())
    for done, (split, name) in enumerate(_names(data_set), start=1):
        walker.visit(split, name)
        progress("read images", done, total)
    return walker.result()


def _names(data_set: DataSet) -> Iterator[tuple[str, str]]:
    for where, split in data_set.splits().items():
        for name in split.names:
            yield where, name


class _Walker:
    """Collects facts about images and labels."""

    def __init__(self, data_set: DataSet) -> None:
        self._data = data_set
        self._anchor, *self._others = data_set.modalities
        self._kinds = {kind: KindFacts() for kind in (*data_set.modalities, "label")}
        self._splits = {
            name: SplitFacts(
                images=len(split),
                labelled=split.labelled,
                pixels_Y=np.zeros(len(data_set.classes), dtype=np.int64),
            )
            for name, split in data_set.splits().items()
        }
        names = list(_names(data_set))
        self._sample = set(names[:: max(1, len(names) // SAMPLE)][:SAMPLE])
        self._alignments = {modality: Alignment() for modality in self._others}
        self._turned = {modality: TurnedPairs() for modality in self._others}
        self._faults = {
            text: Finding(kind="missing", text=text) for text in data_set.faults
        }  # by text, so that a file of two modalities is one fault
        self._suspicions: list[Finding] = []

    def visit(self, split: str, name: str) -> None:
        """Read one image in every modality, and its label."""
        images = {}
        for modality in self._data.modalities:
            image = self._image(split, name, modality)
            if image is not None:
                images[modality] = image
        sizes = {modality: image.shape[:2] for modality, image in images.items()}
        label = self._label(split, name) if self._splits[split].labelled else None
        if label is not None:
            sizes["label"] = label.shape
        tags = {kind: self._orientation(name, kind) for kind in sizes}
        self._compare_sizes(split, name, sizes, tags)
        if (split, name) in self._sample and self._anchor in images:
            self._align(images, tags)

    def _align(self, images: dict[str, Image], tags: dict[str, int]) -> None:
        anchor = images[self._anchor]
        if min(anchor.shape[:2]) < SMALLEST:
            return
        edges = edges_of(anchor)
        for modality in images.keys() - {self._anchor}:
            self._alignments[modality].add(edges, edges_of(images[modality]))
            self._turned[modality].add(
                (anchor, tags[self._anchor]), (images[modality], tags[modality])
            )

    def _orientation(self, name: str, kind: str) -> int:
        """Orientation of the first file; all files of one image must have the same."""
        found = self._data.source.orientations(name, kind)
        self._kinds[kind].orientations.update(found)
        return found[0] if found else UPRIGHT

    def _image(self, split: str, name: str, modality: str) -> Image | None:
        try:
            image = self._data.source.image(name, modality)
            stored = self._data.source.stored(name, modality)
        except DataError as error:
            self._fault("unreadable", str(error))
            return None
        self._kinds[modality].add(image, stored)
        if min(image.shape[:2]) < LEAST_SIDE:
            height, width = image.shape[:2]
            self._suspect(
                "too small for crops",
                f"{_where(split, name, modality)} has {width} x {height} pixels",
            )
        if not np.isfinite(image).all():
            self._fault(
                "not finite", f"{_where(split, name, modality)} has values that are not finite"
            )
        elif image.min() == image.max():
            self._suspect(
                "constant", f"{_where(split, name, modality)} is {image.min():g} everywhere"
            )
        return image

    def _label(self, split: str, name: str) -> Label | None:
        try:
            label = self._data.source.label(name)
            stored = self._data.source.stored(name, "label")
        except DataError as error:
            self._fault("unreadable", str(error))
            return None
        self._kinds["label"].add(label, stored)
        counts = np.bincount(label.ravel(), minlength=IGNORE + 1)
        facts, classes = self._splits[split], len(self._data.classes)
        facts.pixels_Y += counts[:classes]
        facts.void += int(counts[IGNORE])
        where = _where(split, name, "label")
        if counts[classes:IGNORE].any():
            outside = np.flatnonzero(counts[classes:IGNORE]) + classes
            self._fault(
                "label outside the classes",
                f"{where} has {', '.join(map(str, outside[:5]))}, but classes end at"
                f" {classes - 1}",
            )
        if counts[IGNORE] == label.size:
            self._suspect("label without a class", f"{where} has no pixel with a class")
        return label

    def _compare_sizes(
        self,
        split: str,
        name: str,
        sizes: dict[str, tuple[int, ...]],
        tags: dict[str, int],
    ) -> None:
        if not sizes:
            return
        said = [f"{kind} has the EXIF orientation {tag}" for kind, tag in tags.items() if tag != 1]
        why = f", but {' and '.join(said)}" if said else ""
        first, (height, width) = next(iter(sizes.items()))
        for kind, (rows, columns) in sizes.items():
            if (rows, columns) != (height, width):
                advice = self._data.source.size_advice(kind, (rows, columns), (height, width))
                self._fault(
                    "another size",
                    f"{_where(split, name, kind)} is {columns} x {rows} pixels, its {first}"
                    f" {width} x {height}{why}: {advice}",
                )

    def _fault(self, kind: str, text: str) -> None:
        self._faults.setdefault(text, Finding(kind=kind, text=text))

    def _suspect(self, kind: str, text: str) -> None:
        self._suspicions.append(Finding(kind=kind, text=text))

    def result(self) -> Inspection:
        """All results."""
        shifts = {modality: each.shift() for modality, each in self._alignments.items()}
        for modality, shift in shifts.items():
            self._judge(modality, shift)
            contradiction = self._turned[modality].fault(self._anchor, modality)
            if contradiction is not None:
                self._fault("turned", contradiction)
        for text in self._data.unused:
            self._suspect("unused", text)
        turned = turned_note({kind: facts.orientations for kind, facts in self._kinds.items()})
        labelled = any(split.labelled for split in self._splits.values())
        return Inspection(
            classes=self._data.classes,
            splits=self._splits,
            kinds={k: facts for k, facts in self._kinds.items() if k != "label" or labelled},
            shifts=shifts,
            notes=(*self._data.notes, *turned),
            faults=tuple(self._faults.values()),
            suspicions=tuple(self._suspicions),
        )

    def _judge(self, modality: str, shift: Shift) -> None:
        if shift.suspicious:
            self._suspect(
                "shifted",
                f"{modality} is shifted by {abs(shift.across):.1%} of the width to the"
                f" {'right' if shift.across > 0 else 'left'} and {abs(shift.down):.1%} of the"
                f" height {'down' if shift.down > 0 else 'up'} against {self._anchor}, by"
                f" the edges of {shift.pairs} pairs: do both show the same part of the scene?",
            )
        elif shift.unrelated:
            self._suspect(
                "unrelated",
                f"{modality} has no edges in common with {self._anchor} in {shift.pairs} pairs:"
                " do files with the same name belong together?",
            )


def _where(split: str, name: str, kind: str) -> str:
    return f"the {kind} of {name!r} ({split})"
