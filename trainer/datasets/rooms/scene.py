"""What a room consists of: its classes, its furniture, its camera and its light.

Metres; x to the right, y away from the camera, z up; the room is the box from the origin to
its size. Furniture is boxes that stand on the floor; rugs, pictures and windows are
rectangles on the room's planes.

What the classes are to teach: colours differ from room to room, the shape of a room does not.
Walls, ceilings and cloths have any hue. Bed and table are covered with the same kind of cloth
down to the floor and differ in height; pictures and windows show the same landscapes, and only
behind a window it is far; walls and ceiling have the same plaster, and RGB has but the light
to go by. Rug and floor, and picture and wall, are the other way round: one plane, different
materials, and depth cannot tell them apart.
"""

from dataclasses import dataclass
from typing import NamedTuple

from trainer.datasets.rooms.materials import DatasetFeatures

__all__ = ["CLASSES", "CLASS_IDS", "Camera", "Decal", "Light", "Scene", "Solid"]


class ClassRecord(NamedTuple):
    """A class of things in a room."""

    name: str
    colour: tuple[int, int, int]
    #: Kind of material, see :mod:`trainer.datasets.rooms.materials`.
    dataset_features: str


CLASSES = (
    ClassRecord("floor", (139, 101, 66), "planks"),
    ClassRecord("wall", (214, 214, 214), "plaster"),
    ClassRecord("ceiling", (120, 140, 160), "plaster"),
    ClassRecord("rug", (200, 60, 50), "stripes"),
    ClassRecord("bed", (110, 70, 200), "cloth"),
    ClassRecord("table", (240, 130, 220), "cloth"),
    ClassRecord("picture", (60, 170, 70), "landscape"),
    ClassRecord("window", (90, 200, 250), "landscape"),
)
CLASS_IDS = {record.name: index for index, record in enumerate(CLASSES)}


@dataclass(frozen=True, kw_only=True)
class Solid:
    """An axis-aligned box."""

    label: int
    dataset_features: DatasetFeatures
    #: Lowest and highest corner, metres.
    low: tuple[float, float, float]
    high: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Decal:
    """A rectangle on one of the room's six planes."""

    label: int
    dataset_features: DatasetFeatures
    #: Plane: the axis it is normal to, and whether it is the high one.
    axis: int
    high_side: bool
    #: Lowest and highest corner within the plane: the two other axes in order, metres.
    low: tuple[float, float]
    high: tuple[float, float]
    #: How far behind the plane the depth sensor sees, metres; 0 for what lies on it.
    beyond: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A pinhole camera whose sensor is square and not rolled."""

    position: tuple[float, float, float]
    #: Turn to the right from the y axis, radians.
    yaw: float
    #: Turn down from the horizon, radians.
    pitch: float
    #: Angle of view from side to side, radians.
    view: float


@dataclass(frozen=True, kw_only=True)
class Light:
    """One lamp and what the walls scatter."""

    position: tuple[float, float, float]
    #: Share of the light that comes from everywhere.
    ambient: float
    #: Brightness of each colour.
    tint: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Everything that is drawn."""

    #: Sides of the room, metres.
    size: tuple[float, float, float]
    #: Material of the floor, of the walls, of the ceiling.
    floor: DatasetFeatures
    wall: DatasetFeatures
    ceiling: DatasetFeatures
    solids: tuple[Solid, ...]
    #: Later ones cover earlier ones.
    decals: tuple[Decal, ...]
    camera: Camera
    light: Light
