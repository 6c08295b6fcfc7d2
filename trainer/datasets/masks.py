"""Label images in common formats: numbers of 1 to 16 bits, palette indices, or colours.

Letters of shapes: ``docs/architecture.md``.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trainer.datasets.base import Label
from trainer.datasets.decoding import (
    label_table,
    number_ranges,
    read_integers,
    read_palette_colours,
    read_stored,
)
from trainer.datasets.headers import ANY_NUMBERS, is_array, open_image, read_kind
from trainer.errors import DataError

__all__ = ["Colour", "MaskRules", "read_mask"]

#: Red, green and blue from 0 to 255.
Colour = tuple[int, int, int]

SHOWN = 5  # labels in a message
VOID = 255  # the label of a pixel without a class
BITS = (1, 2, 4, 8, 16)
LOSSY = (".jpg", ".jpeg")


@dataclass(frozen=True, kw_only=True)
class MaskRules:
    """The meaning of the pixels in a data set's label images."""

    #: Stored numbers of each class, in the order of the classes.
    numbers: tuple[tuple[int, ...], ...]
    #: Stored numbers that stand for no class.
    ignored: tuple[int, ...] = ()
    #: Colour of each class; None if the data set defines no colours.
    colours: tuple[Colour, ...] | None = None
    #: Colours that stand for no class.
    ignored_colours: tuple[Colour, ...] = ()
    encoding: Literal["auto", "number", "colour"] = "auto"
    #: Whether pixels with unknown numbers and colours have no class, instead of being refused.
    others_ignored: bool = False


def read_mask(path: Path, rules: MaskRules) -> Label:
    """The classes of a label image.

    Args:
        path: An image of one channel of 1 to 16 bits, with a palette, or of colours; or an
            ``.npy`` file, or image of 32 bits, of whole numbers.
        rules: The meaning of its pixels.

    Returns:
        Classes with shape (h, w), 255 for no class. Transparent pixels have no class.

    Raises:
        DataError: If the file cannot be decoded or has another kind of content, or the rules
            refuse a number or colour.
    """
    if is_array(path):
        return _by_number(path, _whole_numbers(path), rules)
    channels, bits = read_kind(path)
    if channels == 1 and rules.encoding == "colour":
        return _by_colour(path, read_palette_colours(path), rules)
    if (channels, bits) == (1, ANY_NUMBERS):
        return _by_number(path, _whole_numbers(path), rules)
    if channels == 1:
        return _by_opaque_number(path, read_integers(path, channels=1, bits=BITS), rules)
    if bits != 8 or channels not in (2, 3, 4):
        raise DataError(
            f"{path} has {channels} channels of {bits} bits, but a label has one channel of 1 to"
            " 16 bits or three of 8: convert it to PNG"
        )
    pixels = _with_alpha(path, read_integers(path, channels=channels))
    grey_alone = channels == 2 or rules.encoding == "number"
    if not grey_alone:
        return _by_colour(path, pixels, rules)
    label = _by_grey(path, pixels, rules)
    if pixels.shape[2] in (2, 4):
        label[pixels[:, :, -1] == 0] = VOID
    return label


def _colour_key(path: Path) -> int | Colour | None:
    """The one number or colour that the file declares transparent; that of a palette is none."""
    with open_image(path) as image:
        key: int | Colour | None = image.info.get("transparency")
        return None if image.mode == "P" else key


def _with_alpha(path: Path, pixels: NDArray[Any]) -> NDArray[Any]:
    """Colours with an alpha channel if one of them is declared transparent."""
    key = _colour_key(path)
    if key is None or pixels.shape[2] != 3:
        return pixels
    opaque = (pixels != np.array(key)).any(axis=2)
    return np.dstack([pixels, np.where(opaque, 255, 0).astype(pixels.dtype)])


def _by_opaque_number(path: Path, stored: NDArray[Any], rules: MaskRules) -> Label:
    """Classes by number; the number that the file declares transparent is none."""
    key = _colour_key(path)
    if not isinstance(key, int):
        return _by_number(path, stored, rules)
    label = _by_number(path, stored, replace(rules, ignored=(*rules.ignored, key)))
    label[stored == key] = VOID
    return label


def _whole_numbers(path: Path) -> NDArray[Any]:
    stored = read_stored(path)
    if stored.ndim != 2 or stored.dtype.kind not in "biu":
        raise DataError(
            f"{path} holds {stored.dtype} of shape {stored.shape}, but a label has height x"
            " width whole numbers: convert it"
        )
    return stored


def _by_grey(path: Path, pixels: NDArray[Any], rules: MaskRules) -> Label:
    """Numbers that were saved as grey colours: the same in all channels."""
    colours = pixels[:, :, : 3 if pixels.shape[2] > 2 else 1]
    if (colours != colours[:, :, :1]).any():
        raise DataError(
            f"{path} holds colours, but labels.encoding = 'number' needs the same number in all"
            " channels: set labels.encoding to 'colour'"
        )
    return _by_number(path, colours[:, :, 0], rules)


def _by_number(path: Path, stored: NDArray[Any], rules: MaskRules) -> Label:
    known = {number: VOID for number in rules.ignored}
    known |= {number: index for index, each in enumerate(rules.numbers) for number in each}
    table = label_table({number: index for number, index in known.items() if number >= 0})
    inside = (stored >= 0) & (stored < len(table))
    classes = np.where(inside, table[np.where(inside, stored, 0)], -1)
    classes[np.isin(stored, [number for number in rules.ignored if number < 0])] = VOID
    unknown = classes < 0
    if unknown.any() and not rules.others_ignored:
        raise _unknown_numbers(path, stored, unknown, sorted(known))
    return np.where(unknown, VOID, classes).astype(np.uint8)


def _by_colour(path: Path, pixels: NDArray[Any], rules: MaskRules) -> Label:
    if rules.colours is None:
        raise DataError(
            f"{path} holds colours, but there is no palette for them: write palette ="
            " [[R, G, B], ...] in the description, one colour per class, or set labels.encoding"
            " to 'number' if all channels hold the same number"
        )
    known = {_packed(colour): VOID for colour in rules.ignored_colours}
    for index, colour in enumerate(rules.colours):
        if _packed(colour) in known:
            raise DataError(
                f"{path} holds colours, but the palette gives {list(colour)} to two classes: give"
                " each class its own colour"
            )
        known[_packed(colour)] = index
    places = np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
    stored = (pixels[:, :, :3] * places).sum(axis=2, dtype=np.uint32)
    codes = np.array(sorted(known), dtype=np.uint32)
    place = np.searchsorted(codes, stored).clip(max=len(codes) - 1)
    classes = np.array([known[int(code)] for code in codes], dtype=np.uint8)[place]
    unknown = codes[place] != stored
    hidden = pixels[:, :, 3] == 0 if pixels.shape[2] == 4 else np.zeros_like(unknown)
    if (unknown & ~hidden).any() and not rules.others_ignored:
        raise _unknown_colours(path, stored, unknown & ~hidden)
    return np.where(unknown | hidden, np.uint8(VOID), classes)


def _unknown_numbers(
    path: Path, stored: NDArray[Any], unknown: NDArray[np.bool_], known: list[int]
) -> DataError:
    numbers, counts = np.unique(stored[unknown], return_counts=True)
    several = len(numbers) > 1
    return DataError(
        f"{path} has {_amount(counts)} the label{'s' * several} {_listed(numbers)}, first in"
        f" {_first(unknown)}, which {'do' if several else 'does'} not belong to this data set"
        f" ({number_ranges(np.array(known))}): set labels.numbers to the stored numbers of the"
        " classes, labels.ignore to those without a class, or labels.others to 'ignore'"
    )


def _unknown_colours(
    path: Path, stored: NDArray[np.uint32], unknown: NDArray[np.bool_]
) -> DataError:
    colours, counts = np.unique(stored[unknown], return_counts=True)
    most = int(colours[counts.argmax()])
    colour = [most >> 16, most >> 8 & 255, most & 255]
    lossy = "JPEG changes colours: give the original PNG, or " * (path.suffix.lower() in LOSSY)
    return DataError(
        f"{path} has {_amount(counts)} {len(colours)}"
        f" colour{'s' * (len(colours) > 1)} missing from the palette, most often {colour}"
        f" ({counts.max()} pixels, first in {_first(stored == most)}): {lossy}correct the palette,"
        " add it to labels.ignore_colours, or set labels.others to 'ignore'"
    )


def _packed(colour: Colour) -> int:
    red, green, blue = colour
    return red << 16 | green << 8 | blue


def _amount(counts: NDArray[Any]) -> str:
    total = int(counts.sum())
    return f"{total} pixel{'s' * (total > 1)} of"


def _listed(numbers: NDArray[Any]) -> str:
    text = ", ".join(str(number) for number in numbers[:SHOWN])
    return text + (f" and {len(numbers) - SHOWN} more" if len(numbers) > SHOWN else "")


def _first(where: NDArray[np.bool_]) -> str:
    row, column = np.argwhere(where)[0]
    return f"row {row}, column {column}"
