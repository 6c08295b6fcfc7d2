"""EXIF orientations that turn one modality away from another, seen by the edges of both.

Sizes tell nothing where a picture is turned by half or mirrored, or is square. Of the sample
data's NYU frames the peak of true pairs stands out by 9 (one pair) to 32 (24 pairs), that of pairs
of which one is mirrored or turned by 4 to 5.
"""

from trainer.datasets.alignment import Alignment, Shift, edges_of
from trainer.datasets.base import DataSet, Image
from trainer.datasets.exif import UPRIGHT, stored_view
from trainer.errors import DataError

__all__ = ["TurnedPairs", "check_turned"]

SAMPLE = 24  # images whose modalities are compared
CLEARLY = 2.0  # times as distinct: a mirrored scene has some edges where the scene has them
SMALLEST = 64  # pixels of a side: less detail fits together by chance


class TurnedPairs:
    """Pairs of an anchor and another modality whose orientations differ."""

    def __init__(self) -> None:
        self._seen, self._stored = Alignment(), Alignment()

    def add(self, anchor: tuple[Image, int], other: tuple[Image, int]) -> None:
        """Count one pair, each an image as it is to be seen with its orientation."""
        if anchor[1] == other[1] or min(anchor[0].shape[:2]) < SMALLEST:
            return
        self._seen.add(edges_of(anchor[0]), edges_of(other[0]))
        self._stored.add(edges_of(stored_view(*anchor)), edges_of(stored_view(*other)))

    def fault(self, anchor: str, other: str) -> str | None:
        """One line if the pairs fit as they are stored, and only so; else None."""
        stored, seen = self._stored.shift(), self._seen.shift()
        clearly = stored.distinctness > CLEARLY * seen.distinctness
        if not _fits(stored) or (_fits(seen) and not clearly):
            return None
        return (
            f"{other} fits {anchor} as both are stored, and not as their EXIF orientations turn"
            f" them, by the edges of {stored.pairs} pairs: remove the tags, or turn the files"
            " without one"
        )


def check_turned(data_set: DataSet) -> None:
    """Compare the edges of some images of which one modality is turned and another is not.

    Raises:
        DataError: If a modality fits the first one only as both are stored.
    """
    anchor, *others = data_set.modalities
    for other in others:
        pairs = TurnedPairs()
        for name in _turned(data_set, anchor, other):
            pairs.add(*(_image(data_set, name, each) for each in (anchor, other)))
        fault = pairs.fault(anchor, other)
        if fault is not None:
            raise DataError(fault)


def _fits(shift: Shift) -> bool:
    return shift.known and not shift.suspicious


def _turned(data_set: DataSet, anchor: str, other: str) -> list[str]:
    return [
        name
        for name in data_set.train.names[:SAMPLE]
        if _orientation(data_set, name, anchor) != _orientation(data_set, name, other)
    ]


def _image(data_set: DataSet, name: str, modality: str) -> tuple[Image, int]:
    return data_set.source.image(name, modality), _orientation(data_set, name, modality)


def _orientation(data_set: DataSet, name: str, modality: str) -> int:
    found = data_set.source.orientations(name, modality)
    return found[0] if found else UPRIGHT
