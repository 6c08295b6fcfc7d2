"""A first table ``[labels]``, and classes, from the numbers or colours of label files.

Letters of shapes: ``docs/architecture.md``.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageColor
from numpy.typing import NDArray

from trainer.console.progress import OnProgress
from trainer.datasets.decoding import read_stored
from trainer.datasets.headers import is_array, open_image
from trainer.drafting.class_names import ClassNames
from trainer.drafting.facts import spread
from trainer.drafting.modalities import Table
from trainer.errors import DataError

__all__ = ["Classes", "draft_labels"]

MOST = 1000  # label files that are read
CLASSES = 254  # most classes of a data set
NO_CLASS = (-1, 255, 65535)
BLACK = 0
SOFT = 64  # different numbers from which on masks may have soft edges
LOSSY = (".jpg", ".jpeg")
MASK = ("background", "object")  # names of its two values
WHITE = 255
LINES = 2.0  # how much more of it is edge than of the other classes, where 0 is no class


@dataclass(frozen=True, kw_only=True)
class Classes:
    """What the label files say."""

    names: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...] | None
    table: Table


@dataclass(kw_only=True)
class _Seen:
    """Pixels by number; a colour is the number 0xRRGGBB."""

    pixels: Counter[int] = field(default_factory=Counter)
    #: Pixels of which a neighbour has another number.
    edges: Counter[int] = field(default_factory=Counter)
    #: Colours of palette images by index.
    palette: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    #: Files with differing colours, and all files.
    coloured: int = 0
    files: int = 0
    #: Whether three channels held the same number somewhere.
    grey_colour: bool = False
    #: Transparent pixels.
    hidden: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, numbers: NDArray[np.int64], shown: NDArray[np.bool_] | None) -> None:
        edge = np.zeros(numbers.shape, dtype=np.bool_)
        below, right = numbers[:-1] != numbers[1:], numbers[:, :-1] != numbers[:, 1:]
        edge[:-1] |= below
        edge[1:] |= below
        edge[:, :-1] |= right
        edge[:, 1:] |= right
        everywhere = np.ones(numbers.shape, dtype=np.bool_) if shown is None else shown
        self.hidden += int(np.count_nonzero(~everywhere))
        self.pixels.update(_counts(numbers[everywhere]))
        self.edges.update(_counts(numbers[everywhere & edge]))
        self.files += 1


def _counts(numbers: NDArray[np.int64]) -> dict[int, int]:
    """How often each number occurs."""
    if numbers.size and 0 <= int(numbers.min()) and int(numbers.max()) <= NO_CLASS[-1]:
        sums = np.bincount(numbers)
        found = np.flatnonzero(sums)
        return dict(zip(found.tolist(), sums[found].tolist(), strict=True))
    found, sums = np.unique(numbers, return_counts=True)
    return dict(zip(found.tolist(), sums.tolist(), strict=True))


def draft_labels(
    pattern: str, paths: Sequence[Path], named: ClassNames, progress: OnProgress
) -> Classes:
    """Read the label files.

    Args:
        pattern: Where they are.
        paths: The files.
        named: Names of classes as a file of the folder gives them.
        progress: Called with what is done, how much of it, and of how much.

    Raises:
        DataError: If they hold no classes; says why.
    """
    seen, read = _Seen(), spread(paths, MOST)
    for done, path in enumerate(read, start=1):
        _read(path, seen)
        progress("read labels", done, len(read))
    table = Table(settings={"files": pattern})
    lossy = sum(path.suffix.lower() in LOSSY for path in paths)
    if lossy:
        table.doubts.append(
            f"labels: {lossy} files are JPEG, which changes labels at edges: give the original PNG"
        )
    if SOFT < len(seen.pixels) <= CLASSES + 1:
        table.doubts.append(
            f"labels: there are {len(seen.pixels)} different values; edges may be soft, as of"
            " masks that were resized: resize them to the nearest pixel"
        )
    if len(read) < len(paths):
        table.doubts.append(f"labels: {len(read)} of {len(paths)} files were read")
    if seen.coloured not in (0, seen.files):
        table.doubts.append(
            f"labels: {seen.coloured} of {seen.files} files are in colour, the others hold numbers"
        )
    if not seen.pixels:
        raise DataError(seen.faults[0] if seen.faults else "all pixels are transparent")
    if len(seen.pixels) > CLASSES + 1:
        kind = "colours" if seen.coloured else "numbers"
        raise DataError(f"it holds {len(seen.pixels)} different {kind}, which are no classes")
    return _in_colour(table, seen, named) if seen.coloured else _by_number(table, seen, named)


def _read(path: Path, seen: _Seen) -> None:
    try:
        stored: NDArray[Any] = read_stored(path)
        _note_palette(path, seen)
    except DataError as error:
        seen.faults.append(str(error))
        return
    if stored.dtype.kind not in "biu" or stored.ndim not in (2, 3):
        seen.faults.append(
            f"{path} holds {stored.dtype} of shape {stored.shape}: save whole numbers, height x"
            " width"
        )
        return
    shown = None
    if stored.ndim == 3:
        if stored.shape[2] in (2, 4):
            shown = stored[:, :, -1] > 0
        stored = stored[:, :, : 3 if stored.shape[2] > 2 else 1]
        if (stored == stored[:, :, :1]).all():
            seen.grey_colour = seen.grey_colour or stored.shape[2] == 3
            stored = stored[:, :, 0]
    numbers = stored.astype(np.int64)
    if numbers.ndim == 3:
        seen.coloured += 1
        numbers = numbers @ np.array([1 << 16, 1 << 8, 1])
    seen.add(numbers, shown)


def _note_palette(path: Path, seen: _Seen) -> None:
    if is_array(path):
        return
    with open_image(path) as image:
        colours = image.getpalette("RGB") if image.mode == "P" else None
    for index in range(len(colours or ()) // 3):
        assert colours is not None
        red, green, blue = colours[3 * index : 3 * index + 3]
        seen.palette.setdefault(index, (red, green, blue))


def _by_number(table: Table, seen: _Seen, found: ClassNames) -> Classes:
    if seen.grey_colour:
        table.settings["encoding"] = "number"
        table.remarks.append("numbers saved as colours: all channels hold the same")
    numbers = sorted(seen.pixels)
    ignored = [number for number in numbers if number in NO_CLASS]
    if _is_spread(numbers):
        ignored.clear()
        table.doubts.append(
            f"labels: {', '.join(map(str, numbers))} are evenly spread, so {WHITE} is a class; if"
            f" it is none, remove it from numbers and write ignore = [{WHITE}]"
        )
    if BLACK in numbers and not ignored and _is_void(seen, BLACK):
        ignored.append(BLACK)
    is_mask = _is_mask(seen)
    if is_mask:
        ignored.clear()
    numbers = [number for number in numbers if number not in ignored]
    _check_several(numbers, seen)
    _say_shares(table, seen, ignored)
    if is_mask:
        _doubt_mask(table, *map(str, numbers))
    elif BLACK in seen.pixels and not set(NO_CLASS) & set(ignored):
        _doubt_black(table, "0", is_class=BLACK in numbers)
    if numbers == list(range(numbers[0], numbers[0] + len(numbers))):
        table.settings["first"] = numbers[0]
    else:
        table.settings["numbers"] = numbers
    table.settings["ignore"] = ignored
    palette = tuple(seen.palette[number] for number in numbers if number in seen.palette)
    named, doubt = found.of_numbers(numbers), found.doubt(numbers)
    if doubt is not None:
        table.doubts.append(doubt)
    if not is_mask and not named.keys() & set(numbers):
        table.remarks.append("give the classes their names, in the order of their labels")
    usual = MASK if is_mask else [f"label {number}" for number in numbers]
    names = _distinct([named.get(*each) for each in zip(numbers, usual, strict=True)])
    return Classes(names=names, palette=_apart(palette, len(numbers)), table=table)


def _in_colour(table: Table, seen: _Seen, found: ClassNames) -> Classes:
    colours = sorted(seen.pixels, key=lambda colour: -seen.pixels[colour])
    is_mask = _is_mask(seen)
    is_void = BLACK in colours and not is_mask and _is_void(seen, BLACK)
    ignored = [BLACK] if is_void else []
    colours = [colour for colour in colours if colour not in ignored]
    _check_several(colours, seen)
    _say_shares(table, seen, ignored)
    if is_mask:
        _doubt_mask(table, *map(_colour_name, sorted(colours)))
    elif BLACK in seen.pixels:
        _doubt_black(table, "black", is_class=BLACK in colours)
    if ignored:
        table.settings["ignore_colours"] = [list(_rgb(colour)) for colour in ignored]
    return Classes(
        names=_distinct([found.coded.get(colour, _colour_name(colour)) for colour in colours]),
        palette=tuple(map(_rgb, colours)),
        table=table,
    )


def _check_several(values: Sequence[int], seen: _Seen) -> None:
    """Refuse a single class.

    Raises:
        DataError: If there are fewer than two.
    """
    if len(values) >= 2:
        return
    hint = (
        "; transparent pixels have no class: give the background a colour" if seen.hidden else ""
    )
    raise DataError(f"it holds {len(values)} class{'es' * (len(values) != 1)}{hint}")


def _is_spread(numbers: Sequence[int]) -> bool:
    """Whether classes were stretched to greys from 0 to 255."""
    steps = len(numbers) - 1
    return steps >= 2 and all(
        abs(number - WHITE * index / steps) <= 1 for index, number in enumerate(numbers)
    )


def _is_mask(seen: _Seen) -> bool:
    """Whether there are two values, black one of them: without black, one class would be left."""
    return len(seen.pixels) == 2 and BLACK in seen.pixels


def _is_void(seen: _Seen, value: int) -> bool:
    """Whether a value fills thin lines between the others, as pixels without a class do."""
    others = seen.pixels.total() - seen.pixels[value]
    edges = seen.edges.total() - seen.edges[value]
    own = seen.edges[value] / seen.pixels[value]
    return others > 0 and own > LINES * edges / others


def _say_shares(table: Table, seen: _Seen, ignored: Sequence[int]) -> None:
    total = seen.pixels.total() + seen.hidden
    without = sum(seen.pixels[value] for value in ignored) + seen.hidden
    if seen.hidden:
        table.doubts.append(
            f"labels: {seen.hidden / total:.1%} of the pixels are transparent, which means no"
            " class; if they are a class, give it a colour of its own"
        )
    table.remarks.append(
        f"{seen.files} label files with {len(seen.pixels)} different values;"
        f" {without / total:.1%} of the pixels have no class"
    )


def _doubt_mask(table: Table, background: str, foreground: str) -> None:
    table.doubts.append(
        f"labels: there are two values, {background} and {foreground}, taken for background and"
        " object"
    )


def _doubt_black(table: Table, what: str, *, is_class: bool) -> None:
    setting = "ignore_colours = [[0, 0, 0]]" if what == "black" else "ignore = [0]"
    table.doubts.append(
        f"labels: {what} is used as a class; if it marks pixels without one, remove it and write"
        f" {setting}"
        if is_class
        else f"labels: {what} is ignored, because it fills thin lines between the classes; if it"
        " is a class, name it first"
    )


def _apart(
    palette: tuple[tuple[int, int, int], ...], classes: int
) -> tuple[tuple[int, int, int], ...] | None:
    """Colours that tell the classes apart; None for others, and for a palette of greys."""
    is_grey = all(red == green == blue for red, green, blue in palette)
    return palette if len(palette) == classes == len(set(palette)) and not is_grey else None


def _colour_name(colour: int) -> str:
    rgb = "#{:02x}{:02x}{:02x}".format(*_rgb(colour))
    names: dict[str, Any] = PIL.ImageColor.colormap
    return next((name for name, code in names.items() if code == rgb), rgb)


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """The names, with a number behind those that occurred before."""
    found: list[str] = []
    for name in names:
        count = sum(each == name or each.startswith(f"{name} ") for each in found)
        found.append(f"{name} {count + 1}" if count else name)
    return tuple(found)


def _rgb(colour: int) -> tuple[int, int, int]:
    return colour >> 16, colour >> 8 & 255, colour & 255
