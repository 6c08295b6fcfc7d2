"""Furnishing: a scene drawn from a generator.

Objects that stand on the floor or hang on a wall are tried at random positions until one is free;
after a number of attempts the object is left out.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from trainer.datasets.rooms.materials import draw_material
from trainer.datasets.rooms.scene import (
    CLASS_IDS,
    CLASSES,
    Camera,
    Decal,
    Light,
    Scene,
    Solid,
)

__all__ = ["draw_scene"]

ATTEMPTS = 30  # positions tried before an object is left out
GAP = 0.1  # metres of free space between objects
#: Objects that are tried, in order, with their probability.
FURNITURE = (("bed", 1.0), ("table", 1.0), ("bed", 0.3), ("table", 0.3))
HANGINGS = (
    ("window", 1.0),
    ("picture", 1.0),
    ("window", 0.8),
    ("picture", 0.8),
    ("picture", 0.5),
    ("window", 0.5),
)


class Footprint(NamedTuple):
    """Area of the floor that an object occupies."""

    x: float
    y: float
    width: float
    depth: float

    def meets(self, other: "Footprint") -> bool:
        """Whether the two are closer than the gap."""
        return (
            self.x < other.x + other.width + GAP
            and other.x < self.x + self.width + GAP
            and self.y < other.y + other.depth + GAP
            and other.y < self.y + self.depth + GAP
        )


def draw_scene(rng: np.random.Generator) -> Scene:
    """Draw a scene; the same generator state gives the same scene."""
    size = (rng.uniform(3.6, 5.2), rng.uniform(4.2, 5.6), rng.uniform(2.4, 2.9))
    solids = _draw_solids(rng, size)
    return Scene(
        size=size,
        floor=draw_material("planks", rng),
        wall=draw_material("plaster", rng),
        ceiling=draw_material("plaster", rng),
        solids=solids,
        decals=_draw_rug(rng, size) + _draw_hangings(rng, size),
        camera=_draw_camera(rng, size),
        light=_draw_light(rng, size),
    )


def _draw_camera(rng: np.random.Generator, size: Sequence[float]) -> Camera:
    yaw = rng.uniform(-0.5, 0.5)
    across = 0.5 - 0.5 * yaw + rng.uniform(-0.1, 0.1)  # away from the wall it looks at
    return Camera(
        position=(across * size[0], rng.uniform(0.15, 0.4), rng.uniform(1.45, 1.75)),
        yaw=yaw,
        pitch=rng.uniform(0.12, 0.32),
        view=math.radians(rng.uniform(68, 80)),
    )


def _draw_light(rng: np.random.Generator, size: Sequence[float]) -> Light:
    warmth = rng.uniform(-0.06, 0.06)
    bright = rng.uniform(0.85, 1.15)
    return Light(
        position=(
            rng.uniform(0.2, 0.8) * size[0],
            rng.uniform(0.1, 0.7) * size[1],
            rng.uniform(0.45, 0.8) * size[2],  # not at the ceiling, which would be dark there
        ),
        ambient=rng.uniform(0.5, 0.7),
        tint=(bright * (1 + warmth), bright, bright * (1 - warmth)),
    )


def _draw_solids(rng: np.random.Generator, size: Sequence[float]) -> tuple[Solid, ...]:
    taken: list[Footprint] = []
    solids: list[Solid] = []
    for name, chance in FURNITURE:
        if rng.random() < chance:
            solids += _place(rng, size, taken, name)
    return tuple(solids)


def _place(
    rng: np.random.Generator, size: Sequence[float], taken: list[Footprint], name: str
) -> list[Solid]:
    for _ in range(ATTEMPTS):
        width, depth, height = _draw_sides(rng, name)
        x = _draw_wallward(rng, size[0] - width, name)
        y = rng.uniform(1.5, size[1] - depth)
        if name == "bed" and rng.random() < 0.5:
            y = size[1] - depth
        spot = Footprint(x, y, width, depth)
        if y >= 1.4 and not any(spot.meets(other) for other in taken):
            taken.append(spot)
            return [_build(rng, name, spot, height)]
    return []


def _draw_sides(rng: np.random.Generator, name: str) -> tuple[float, float, float]:
    """Width, depth and height, metres."""
    if name == "bed":
        sides = rng.uniform(1.4, 1.9), rng.uniform(1.9, 2.2), rng.uniform(0.3, 0.45)
    else:
        sides = rng.uniform(1.2, 1.8), rng.uniform(0.9, 1.3), rng.uniform(0.85, 1.05)
    if rng.random() < 0.5:
        sides = sides[1], sides[0], sides[2]
    return sides


def _draw_wallward(rng: np.random.Generator, room: float, name: str) -> float:
    """A position between 0 and ``room``; most beds stand at one of the two walls."""
    free = rng.uniform(0, room)
    side = rng.random()
    if name == "table":
        return float(free)
    return 0.0 if side < 0.4 else float(room) if side < 0.8 else float(free)


def _build(rng: np.random.Generator, name: str, spot: Footprint, height: float) -> Solid:
    """A box; the cloth of a bed or a table hangs down to the floor."""
    x, y, width, depth = spot
    return Solid(
        label=CLASS_IDS[name],
        material=draw_material(CLASSES[CLASS_IDS[name]].material, rng),
        low=(x, y, 0.0),
        high=(x + width, y + depth, height),
    )


def _draw_rug(rng: np.random.Generator, size: Sequence[float]) -> tuple[Decal, ...]:
    if rng.random() < 0.15:
        return ()
    width, depth = rng.uniform(1.4, 2.4), rng.uniform(1.2, 2.0)
    x = rng.uniform(0.2, size[0] - width - 0.2)
    y = rng.uniform(1.0, size[1] - depth - 0.5)
    return (
        Decal(
            label=CLASS_IDS["rug"],
            material=draw_material("stripes", rng),
            axis=2,
            high_side=False,
            low=(x, y),
            high=(x + width, y + depth),
        ),
    )


#: The walls a camera may see: axis and side of x = 0, x = size, y = size. The wall ahead is listed
#: twice, because every picture shows it.
WALLS = ((0, False), (0, True), (1, True), (1, True))


def _draw_hangings(rng: np.random.Generator, size: Sequence[float]) -> tuple[Decal, ...]:
    """Windows and pictures that do not overlap."""
    used: dict[tuple[int, bool], list[tuple[float, float]]] = {wall: [] for wall in WALLS}
    decals = []
    for name, chance in HANGINGS:
        if rng.random() < chance:
            decals += _try_to_hang(rng, size, name, used)
    return tuple(decals)


def _try_to_hang(
    rng: np.random.Generator,
    size: Sequence[float],
    name: str,
    used: dict[tuple[int, bool], list[tuple[float, float]]],
) -> list[Decal]:
    """The object on a free part of a wall, or nothing if none was found."""
    for _ in range(ATTEMPTS):
        wall = WALLS[int(rng.integers(len(WALLS)))]
        width, bottom, height = _draw_opening(rng, size[2])
        first = 1.4 if wall[0] == 0 else 0.1  # side walls: not beside the camera
        last = size[1 - wall[0]] - width - 0.1
        if last < first:
            continue
        start = rng.uniform(first, last)
        end = start + width
        if all(end + GAP <= taken[0] or taken[1] + GAP <= start for taken in used[wall]):
            used[wall].append((start, end))
            return [_hang(rng, name, wall, (start, end), (bottom, bottom + height))]
    return []


def _draw_opening(rng: np.random.Generator, room: float) -> tuple[float, float, float]:
    """Width, lower edge and height, metres.

    Pictures and windows have the same distribution, so that size and position do not reveal them.
    """
    height = rng.uniform(1.0, 1.35)
    return rng.uniform(1.2, 1.9), rng.uniform(0.85, room - height - 0.1), height


def _hang(
    rng: np.random.Generator,
    name: str,
    wall: tuple[int, bool],
    across: tuple[float, float],
    up: tuple[float, float],
) -> Decal:
    return Decal(
        label=CLASS_IDS[name],
        material=draw_material(CLASSES[CLASS_IDS[name]].material, rng),
        axis=wall[0],
        high_side=wall[1],
        low=(across[0], up[0]),
        high=(across[1], up[1]),
        beyond=rng.uniform(6.0, 20.0) if name == "window" else 0.0,
    )
