"""Materials: what a surface's colour is, as a function of two coordinates along it in metres.

Each kind is one distribution of colours and patterns. Classes that share a kind cannot be
told apart by their material.
"""

import colorsys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["DatasetFeatures", "Numbers", "draw_material", "paint_material"]

Numbers = NDArray[np.float64]
Colour = tuple[float, float, float]

LATTICE = 32  # sides of the table of noise, which repeats


@dataclass(frozen=True, kw_only=True, eq=False)
class DatasetFeatures:
    """One drawn material."""

    #: Which pattern, see ``PATTERNS``.
    kind: str
    #: Main and second colour, from 0 to 1.
    colours: tuple[Colour, Colour]
    #: Length of the pattern, metres.
    scale: float
    #: Turn of the pattern in the plane, radians.
    angle: float
    #: Table of noise from -1 to 1, shape (LATTICE, LATTICE).
    noise: Numbers


def draw_material(kind: str, rng: np.random.Generator) -> DatasetFeatures:
    """Draw a material of a kind: its colours, its scale, its direction."""
    hues, saturations, values, scales, turn = RANGES[kind]
    first = _draw_colour(rng, hues, saturations, values)
    second = _draw_colour(rng, hues, saturations, values)
    return DatasetFeatures(
        kind=kind,
        colours=(first, second),
        scale=rng.uniform(*scales),
        angle=rng.uniform(-turn, turn),
        noise=rng.uniform(-1, 1, size=(LATTICE, LATTICE)),
    )


def paint_material(dataset_features: DatasetFeatures, across: Numbers, up: Numbers) -> Numbers:
    """Colours of points of a surface.

    Args:
        dataset_features: The material.
        across: First coordinate of each point, metres, shape (points,).
        up: Second coordinate of each point, metres, shape (points,); height on walls.

    Returns:
        Colours with shape (3, points), from 0 to about 1.
    """
    cos, sin = np.cos(dataset_features.angle), np.sin(dataset_features.angle)
    turned, other = cos * across - sin * up, sin * across + cos * up
    return PATTERNS[dataset_features.kind](dataset_features, turned, other)


#: Hue (turns), saturation, value, pattern length (metres), greatest turn (radians).
RANGES = {
    "planks": ((0.02, 0.14), (0.15, 0.65), (0.30, 0.80), (0.12, 0.22), 0.05),
    "plaster": ((0.0, 1.0), (0.0, 0.45), (0.55, 0.95), (0.5, 1.0), 1.5),
    "stripes": ((0.93, 1.03), (0.55, 0.85), (0.40, 0.75), (0.15, 0.35), 1.5),
    "cloth": ((0.0, 1.0), (0.2, 0.7), (0.35, 0.85), (0.15, 0.30), 0.8),
    "landscape": ((0.22, 0.36), (0.35, 0.65), (0.35, 0.65), (0.08, 0.20), 0.0),
}


def _draw_colour(
    rng: np.random.Generator,
    hues: tuple[float, float],
    saturations: tuple[float, float],
    values: tuple[float, float],
) -> Colour:
    return colorsys.hsv_to_rgb(
        rng.uniform(*hues) % 1, rng.uniform(*saturations), rng.uniform(*values)
    )


def _planks(dataset_features: DatasetFeatures, across: Numbers, along: Numbers) -> Numbers:
    """Boards side by side, each of its own shade, with grain and dark joints."""
    board = np.floor(across / dataset_features.scale)
    shade = _pick(dataset_features.noise, board)
    grain = _noise(dataset_features, across / 0.02, along / 0.4)
    joint = np.abs(across / dataset_features.scale - board - 0.5) > 0.47
    bright = (1 + 0.12 * shade + 0.08 * grain) * np.where(joint, 0.6, 1.0)
    return _mix(dataset_features, 0.5 + 0.5 * shade) * bright


def _plaster(dataset_features: DatasetFeatures, across: Numbers, along: Numbers) -> Numbers:
    """One colour with faint stains and a fine grain."""
    stains = _noise(
        dataset_features, across / dataset_features.scale, along / dataset_features.scale
    )
    grain = _noise(dataset_features, across / 0.03, along / 0.03)
    return _mix(dataset_features, np.zeros_like(across)) * (1 + 0.03 * stains + 0.03 * grain)


def _stripes(dataset_features: DatasetFeatures, across: Numbers, along: Numbers) -> Numbers:
    """Two colours in turn, with pile."""
    wave = np.sin(2 * np.pi * across / dataset_features.scale)
    pile = _noise(dataset_features, across / 0.03, along / 0.03)
    colour = _mix(dataset_features, np.clip(0.5 + 2 * wave, 0, 1))
    return colour * (1 + 0.12 * np.sign(wave) + 0.12 * pile)


def _cloth(dataset_features: DatasetFeatures, across: Numbers, along: Numbers) -> Numbers:
    """Checks: two crossing waves, with a weave."""
    waves = np.sin(2 * np.pi * across / dataset_features.scale) + np.sin(
        2 * np.pi * along / dataset_features.scale
    )
    weave = _noise(dataset_features, across / 0.03, along / 0.03)
    return _mix(dataset_features, 0.5 + 0.25 * waves) * (1 + 0.12 * waves + 0.06 * weave)


def _landscape(dataset_features: DatasetFeatures, across: Numbers, up: Numbers) -> Numbers:
    """Sky over hills and trees; the horizon lies at eye height."""
    ridge = 1.5 + 0.12 * _noise(dataset_features, across / 0.35, np.zeros_like(across))
    leaves = _noise(dataset_features, across / dataset_features.scale, up / dataset_features.scale)
    ground = _mix(dataset_features, 0.5 + 0.5 * leaves) * (1 + 0.3 * leaves)
    cloud = np.clip(_noise(dataset_features, across / 0.4, up / 0.15), 0, 1)
    sky = np.array([[0.50], [0.72], [0.95]]) * (1 - cloud) + 0.97 * cloud
    return np.where(up > ridge, sky, ground)


PATTERNS = {
    "planks": _planks,
    "plaster": _plaster,
    "stripes": _stripes,
    "cloth": _cloth,
    "landscape": _landscape,
}


def _mix(dataset_features: DatasetFeatures, share: Numbers) -> Numbers:
    """Colours between the main (0) and the second (1)."""
    first, second = (np.array(colour)[:, None] for colour in dataset_features.colours)
    mixed: Numbers = first + share * (second - first)
    return mixed


def _pick(noise: Numbers, index: Numbers) -> Numbers:
    picked: Numbers = noise[0, index.astype(np.int64) % LATTICE]
    return picked


def _noise(dataset_features: DatasetFeatures, x: Numbers, y: Numbers) -> Numbers:
    """Smooth noise from -1 to 1: the table of noise, interpolated between whole numbers."""
    column, row = np.floor(x), np.floor(y)
    across, up = _smooth(x - column), _smooth(y - row)
    left, low = column.astype(np.int64) % LATTICE, row.astype(np.int64) % LATTICE
    right, high = (left + 1) % LATTICE, (low + 1) % LATTICE
    table = dataset_features.noise
    below = table[low, left] + across * (table[low, right] - table[low, left])
    above = table[high, left] + across * (table[high, right] - table[high, left])
    smooth: Numbers = below + up * (above - below)
    return smooth


def _smooth(part: Numbers) -> Numbers:
    return part * part * (3 - 2 * part)
