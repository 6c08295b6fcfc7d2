"""Contents of a room: classes, furniture, camera and light.

Metres; x to the right, y away from the camera, z up. The room is the box from the origin to its
size. Furniture consists of boxes that stand on the floor; rugs, pictures and windows are
rectangles on the room's planes.

Colours differ from room to room, but the shape of a room does not. Walls, ceilings and cloths can
have any hue. Bed and table are covered down to the floor with the same kind of cloth and differ
only in height. Pictures and windows show the same landscapes, but only a window has depth behind
it. Walls and ceiling have the same plaster, so that RGB shows only differences in lighting. Rug
and floor, and picture and wall, are the opposite case: they lie in one plane and have different
materials, so that depth cannot distinguish them.
"""

from dataclasses import dataclass
from typing import NamedTuple

from trainer.datasets.rooms.materials import Material

__all__ = ["CLASSES", "CLASS_IDS", "Camera", "Decal", "Light", "Scene", "Solid"]


class ClassRecord(NamedTuple):
    """A class of objects in a room."""

    name: str
    colour: tuple[int, int, int]
    #: Kind of material, see :mod:`trainer.datasets.rooms.materials`.
    material: str


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
    material: Material
    #: Lowest and highest corner, metres.
    low: tuple[float, float, float]
    high: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Decal:
    """A rectangle on one of the room's six planes."""

    label: int
    material: Material
    #: Plane: the axis normal to it, and whether it is the far one.
    axis: int
    high_side: bool
    #: Lowest and highest corner in the plane, along the other two axes in order, metres.
    low: tuple[float, float]
    high: tuple[float, float]
    #: How far behind the plane the depth sensor sees, metres; 0 for a flat object.
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
    """One lamp and the light scattered by the walls."""

    position: tuple[float, float, float]
    #: Share of the light that comes from all directions.
    ambient: float
    #: Brightness of each colour.
    tint: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """All contents of a picture."""

    #: Sides of the room, metres.
    size: tuple[float, float, float]
    #: Materials of the floor, the walls and the ceiling.
    floor: Material
    wall: Material
    ceiling: Material
    solids: tuple[Solid, ...]
    #: Later ones cover earlier ones.
    decals: tuple[Decal, ...]
    camera: Camera
    light: Light
