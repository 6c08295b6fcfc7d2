"""A first table ``[modalities.NAME]`` for a group of files, by its kind and what it holds."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.datasets.headers import ANY_NUMBERS
from trainer.drafting.facts import Facts
from trainer.drafting.words import RGB

__all__ = ["Table", "draft_modalities"]

#: Kind to what fills pixels that were not measured: the farther surface.
FILLED: Mapping[str, str] = {"depth": "larger", "disparity": "smaller"}
OPAQUE = 255
TAILS = (0.1, 99.9)  # percentiles that become black and white
#: Numbers that stand for nothing measured.
NO_DATA = (-9999, -32768, -1, 65535)
HOLES = 0.002  # share of zeros that counts as not measured
LARGEST = 2**16 - 1
DEGREES = 180  # of a full turn of the angle of polarisation
MILLIMETRES = 400  # a stored number from which on depth may be in millimetres


@dataclass(kw_only=True)
class Table:
    """A table of the description."""

    settings: dict[str, Any] = field(default_factory=dict)
    #: What was found, a comment line each.
    remarks: list[str] = field(default_factory=list)
    #: What to check, a comment line each that is printed as well.
    doubts: list[str] = field(default_factory=list)


def draft_modalities(name: str, pattern: str, facts: Facts) -> dict[str, Table]:
    """The modalities that a group's files hold: one, or several bands.

    Args:
        name: What to call the modality.
        pattern: Where its files are.
        facts: What a sample of them holds.
    """
    storage, points = facts.storage, facts.points()
    tables = _bands(name, pattern, points, facts)
    if facts.skipped_bands > 0:
        bands = storage.channels + facts.skipped_bands
        next(iter(tables.values())).doubts.append(
            f"{name}: files have {bands} bands, of which the first {storage.channels} are read:"
            " write the others to files of their own"
        )
    if len(facts.storages) > 1:
        others = len(facts.storages) - 1
        next(iter(tables.values())).doubts.append(
            f"{name}: files are stored in {others + 1} ways; most have {storage.channels}"
            f" channel{'s' * (storage.channels > 1)}: convert the others, or move them"
        )
    return tables


def _bands(name: str, pattern: str, points: NDArray[np.float64], facts: Facts) -> dict[str, Table]:
    channels = facts.storage.channels
    if channels == 1:
        return {name: _plane(name, pattern, points[:, 0], facts)}
    if facts.storage.is_array and channels == 3 and name == RGB:
        return {name: _colour_array(name, pattern, points)}
    if facts.storage.is_array or channels > 4:
        return {
            (own := f"{name}_{band}"): _plane(own, pattern, points[:, band], facts, band=band)
            for band in range(channels)
        }
    colours = points[:, :3] if channels > 2 else points[:, :1]
    tables = {}
    if (colours == colours[:, :1]).all():
        tables[name] = _plane(name, pattern, points[:, 0], facts, band=0)
        tables[name].remarks.append("all channels hold the same number")
    else:
        tables[name] = _colour(name, pattern, facts)
    if channels in (2, 4) and not _is_opaque(points[:, -1], facts):
        fourth = "nir" if pattern.endswith(".tif") else "thermal"
        band = channels - 1
        tables[fourth] = _plane(fourth, pattern, points[:, -1], facts, band=band)
        tables[fourth].doubts.append(
            f"{fourth}: band {band} of {pattern} is more than transparency, and its name is a"
            " guess: rename the table, or remove it"
        )
    return tables


def _colour(name: str, pattern: str, facts: Facts) -> Table:
    table = Table(settings={"files": pattern})
    if facts.storage.bits == 16:
        table.settings["bits"] = 16
    if facts.storage.channels == 4:
        table.settings["band"] = [0, 1, 2]
    if name not in (RGB, "hha", "normals"):
        table.doubts.append(
            f"{name}: files have three different channels, so they are read as colours; where"
            " they are a plane in false colours, give the original plane"
        )
    return table


def _colour_array(name: str, pattern: str, points: NDArray[np.float64]) -> Table:
    """Colours as numbers, from 0 to 255 or to 1."""
    white = 1 if points.max() <= 1 else OPAQUE
    table = Table(settings={"files": pattern, "band": [0, 1, 2], "range": [0, white]})
    table.remarks.append(f"stored numbers: {points.min():g} to {points.max():g}")
    if points.min() < 0 or points.max() > white:
        table.doubts.append(
            f"{name}: numbers are {points.min():g} to {points.max():g}; set those that are black"
            " and white as range"
        )
    return table


def _plane(
    name: str,
    pattern: str,
    values: NDArray[np.float64],
    facts: Facts,
    *,
    band: int | None = None,
) -> Table:
    """One channel as grey, or as an angle."""
    table = Table(settings={"files": pattern, "encoding": "grey"})
    if band is not None:
        table.settings["band"] = band
    if facts.storage.bits in (16, ANY_NUMBERS):
        table.settings["bits"] = facts.storage.bits
    if name == RGB:
        table.remarks.append("greyscale images")
    if facts.storage.palette:
        wanted = "colour" if name == RGB else "grey"
        table.doubts.append(
            f"{name}: palette images are read by index, which is no brightness: convert them to"
            f" {wanted}"
        )
    if facts.storage.bits not in (0, 8, 16, ANY_NUMBERS):
        table.doubts.append(
            f"{name}: images of {facts.storage.bits} bits are not read: convert them to 8 or 16"
            " bits"
        )
    if name == "aolp" and len(values) and values.max() > 1:  # else a sine or cosine
        _as_angle(table, values, facts)
        return table
    measured = _without_holes(table, name, values, facts)
    if facts.storage.bits != 8 and len(measured):
        _scale(table, name, measured, facts)
    return table


def _without_holes(
    table: Table, name: str, values: NDArray[np.float64], facts: Facts
) -> NDArray[np.float64]:
    """The values that were measured; the table says what fills the others."""
    zeros = float(np.mean(values == 0)) if len(values) else 0.0
    filled = FILLED.get(name)
    if facts.missing > 0:
        table.settings["holes"] = filled or "smaller"
        table.remarks.append(f"{facts.missing:.2%} of the pixels are not finite")
        if filled is None:
            table.doubts.append(f"{name}: holes are filled from their row; 'larger' would do, too")
    numbers = []
    missing = _no_data(values)
    if missing is not None:
        numbers.append(missing)
        table.doubts.append(
            f"{name}: {missing} is far from all other numbers, taken as not measured; if it is a"
            " measurement, remove it from hole_values"
        )
    if filled is not None and HOLES <= zeros < 1:
        numbers.append(0)
        table.doubts.append(
            f"{name}: {zeros:.1%} of the pixels are 0, taken as not measured; if 0 is a"
            " measurement, remove it from hole_values"
        )
    if numbers:
        table.settings["holes"] = filled or "smaller"
        table.settings["hole_values"] = numbers
    measured: NDArray[np.float64] = values[~np.isin(values, numbers)]
    return measured


def _no_data(values: NDArray[np.float64]) -> int | None:
    """A number that files write where nothing was measured; None if there is none."""
    for number in NO_DATA:
        others = values[values != number]
        if not len(others) or len(others) > (1 - HOLES) * len(values):
            continue
        low, high = float(others.min()), float(others.max())
        gap = low - number if number < low else number - high
        if gap > 0 and (number < 0 <= low or gap > high - low):
            return number
    return None


def _scale(table: Table, name: str, values: NDArray[np.float64], facts: Facts) -> None:
    low, high = (float(each) for each in np.percentile(values, TAILS))
    if not low < high:
        low, high = float(values.min()), float(values.max())
    if not low < high:
        low, high = low, low + 1
    low, high = _rounded(low, high)
    any_numbers = facts.storage.is_array or facts.storage.bits == ANY_NUMBERS
    table.settings["range"] = [low, high if any_numbers else min(high, LARGEST)]
    table.remarks.append(f"stored numbers: {values.min():g} to {values.max():g}")
    unit = ""
    if name == "depth":
        unit = ", perhaps in millimetres" if high > MILLIMETRES else ", perhaps in metres"
    table.doubts.append(
        f"{name}: the range that becomes black and white is that of a sample{unit}; set the limits"
        " that you know"
    )


def _rounded(low: float, high: float) -> tuple[float | int, float | int]:
    """The range in two significant digits of its width, rounded outwards."""
    step = 10.0 ** (math.floor(math.log10(high - low)) - 1)
    ends = math.floor(low / step) * step, math.ceil(high / step) * step
    if step >= 1:
        return round(ends[0]), round(ends[1])
    digits = -math.floor(math.log10(step))
    return round(ends[0], digits), round(ends[1], digits)


def _as_angle(table: Table, values: NDArray[np.float64], facts: Facts) -> None:
    table.settings["encoding"] = "angle"
    most = float(values.max())
    if most <= 2 * math.pi:
        turn: float = 3.14159265
    elif most <= DEGREES:
        turn = DEGREES
    else:
        turn = 2 ** (8 if facts.storage.bits == 8 else 16)
    table.settings["period"] = turn
    table.doubts.append(
        f"aolp: {turn} is taken for a full turn, as the largest number is {most:g}: correct period"
    )


def _is_opaque(alpha: NDArray[np.float64], facts: Facts) -> bool:
    return bool((alpha == (OPAQUE if facts.storage.bits == 8 else 2**16 - 1)).all())
