"""Materials: a surface's colour as a function of two coordinates along it in metres.

Each kind is one distribution of colours and patterns. Classes of the same kind cannot be
distinguished by their material.
"""

import colorsys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Material", "Numbers", "draw_material", "paint_material"]

Numbers = NDArray[np.float64]
Colour = tuple[float, float, float]

LATTICE = 32  # sides of the table of noise, which repeats


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """One drawn material."""

    #: The pattern, see ``PATTERNS``.
    kind: str
    #: Main and second colour, from 0 to 1.
    colours: tuple[Colour, Colour]
    #: Length of the pattern, metres.
    scale: float
    #: Rotation of the pattern in the plane, radians.
    angle: float
    #: Table of noise from -1 to 1, shape (LATTICE, LATTICE).
    noise: Numbers


def draw_material(kind: str, rng: np.random.Generator) -> Material:
    """Draw a material of a kind: its colours, scale and direction."""
    hues, saturations, values, scales, turn = RANGES[kind]
    first = _draw_colour(rng, hues, saturations, values)
    second = _draw_colour(rng, hues, saturations, values)
    return Material(
        kind=kind,
        colours=(first, second),
        scale=rng.uniform(*scales),
        angle=rng.uniform(-turn, turn),
        noise=rng.uniform(-1, 1, size=(LATTICE, LATTICE)),
    )


def paint_material(material: Material, across: Numbers, up: Numbers) -> Numbers:
    """Colours of points of a surface.

    Args:
        material: The material.
        across: First coordinate of each point, metres, shape (points,).
        up: Second coordinate of each point, metres, shape (points,); height on walls.

    Returns:
        Colours with shape (3, points), from 0 to about 1.
    """
    cos, sin = np.cos(material.angle), np.sin(material.angle)
    turned, other = cos * across - sin * up, sin * across + cos * up
    return PATTERNS[material.kind](material, turned, other)


#: Hue (turns), saturation, value, pattern length (metres), largest rotation (radians).
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


def _planks(material: Material, across: Numbers, along: Numbers) -> Numbers:
    """Parallel boards of different shades, with grain and dark joints."""
    board = np.floor(across / material.scale)
    shade = _pick(material.noise, board)
    grain = _noise(material, across / 0.02, along / 0.4)
    joint = np.abs(across / material.scale - board - 0.5) > 0.47
    bright = (1 + 0.12 * shade + 0.08 * grain) * np.where(joint, 0.6, 1.0)
    return _mix(material, 0.5 + 0.5 * shade) * bright


def _plaster(material: Material, across: Numbers, along: Numbers) -> Numbers:
    """One colour with faint stains and a fine grain."""
    stains = _noise(material, across / material.scale, along / material.scale)
    grain = _noise(material, across / 0.03, along / 0.03)
    return _mix(material, np.zeros_like(across)) * (1 + 0.03 * stains + 0.03 * grain)


def _stripes(material: Material, across: Numbers, along: Numbers) -> Numbers:
    """Alternating stripes of two colours, with pile."""
    wave = np.sin(2 * np.pi * across / material.scale)
    pile = _noise(material, across / 0.03, along / 0.03)
    colour = _mix(material, np.clip(0.5 + 2 * wave, 0, 1))
    return colour * (1 + 0.12 * np.sign(wave) + 0.12 * pile)


def _cloth(material: Material, across: Numbers, along: Numbers) -> Numbers:
    """Checks: two crossing waves, with a weave."""
    waves = np.sin(2 * np.pi * across / material.scale) + np.sin(
        2 * np.pi * along / material.scale
    )
    weave = _noise(material, across / 0.03, along / 0.03)
    return _mix(material, 0.5 + 0.25 * waves) * (1 + 0.12 * waves + 0.06 * weave)


def _landscape(material: Material, across: Numbers, up: Numbers) -> Numbers:
    """Sky over hills and trees; the horizon is at eye level."""
    ridge = 1.5 + 0.12 * _noise(material, across / 0.35, np.zeros_like(across))
    leaves = _noise(material, across / material.scale, up / material.scale)
    ground = _mix(material, 0.5 + 0.5 * leaves) * (1 + 0.3 * leaves)
    cloud = np.clip(_noise(material, across / 0.4, up / 0.15), 0, 1)
    sky = np.array([[0.50], [0.72], [0.95]]) * (1 - cloud) + 0.97 * cloud
    return np.where(up > ridge, sky, ground)


PATTERNS = {
    "planks": _planks,
    "plaster": _plaster,
    "stripes": _stripes,
    "cloth": _cloth,
    "landscape": _landscape,
}


def _mix(material: Material, share: Numbers) -> Numbers:
    """Colours between the main (0) and the second (1)."""
    first, second = (np.array(colour)[:, None] for colour in material.colours)
    mixed: Numbers = first + share * (second - first)
    return mixed


def _pick(noise: Numbers, index: Numbers) -> Numbers:
    picked: Numbers = noise[0, index.astype(np.int64) % LATTICE]
    return picked


def _noise(material: Material, x: Numbers, y: Numbers) -> Numbers:
    """Smooth noise from -1 to 1: the table of noise, interpolated between whole numbers."""
    column, row = np.floor(x), np.floor(y)
    across, up = _smooth(x - column), _smooth(y - row)
    left, low = column.astype(np.int64) % LATTICE, row.astype(np.int64) % LATTICE
    right, high = (left + 1) % LATTICE, (low + 1) % LATTICE
    table = material.noise
    below = table[low, left] + across * (table[low, right] - table[low, left])
    above = table[high, left] + across * (table[high, right] - table[high, left])
    smooth: Numbers = below + up * (above - below)
    return smooth


def _smooth(part: Numbers) -> Numbers:
    return part * part * (3 - 2 * part)
