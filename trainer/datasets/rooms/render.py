"""Rendering a scene by casting one ray per pixel: colours, depth and classes.

Letters of shapes: ``docs/architecture.md``. Vectors of all pixels have the axis first,
(3, pixels), which numpy reduces fast; ``pixels`` is h * w.
"""

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from trainer.datasets.rooms.materials import Material, Numbers, paint_material
from trainer.datasets.rooms.scene import CLASS_IDS, Camera, Decal, Scene

__all__ = ["MILLIMETRES", "Picture", "camera_rays", "render"]

BLUR = 0.5  # pixels, standard deviation: one ray per pixel leaves jagged edges
COLOUR_NOISE = 0.015  # of full brightness
DEPTH_NOISE = 0.004  # of the depth
MILLIMETRES = 1000  # per metre


@dataclass(frozen=True, kw_only=True)
class Picture:
    """The picture that the cameras took."""

    #: Colours with shape (h, w, 3).
    colour: NDArray[np.uint8]
    #: Distance along the optical axis in millimetres, shape (h, w).
    depth: NDArray[np.uint16]
    #: Classes with shape (h, w).
    label: NDArray[np.uint8]


@dataclass(kw_only=True)
class _Hits:
    """The first hit of each ray; updated in place while surfaces are added."""

    #: Multiple of the ray, which is the distance along the optical axis.
    distance: Numbers
    #: Axis the surface is normal to.
    axis: NDArray[np.int64]
    #: Index into the surfaces' labels and materials.
    surface: NDArray[np.int64]


@dataclass(kw_only=True)
class _Surfaces:
    """Labels and materials of everything in the scene, in order."""

    labels: list[int]
    materials: list[Material]

    def add(self, label: int, material: Material) -> int:
        self.labels.append(label)
        self.materials.append(material)
        return len(self.labels) - 1


def render(scene: Scene, *, size: int, rng: np.random.Generator) -> Picture:
    """Draw the scene with its sensors' noise.

    Args:
        scene: The scene.
        size: Side of the picture, pixels.
        rng: Generator of the noise.
    """
    origin = np.array(scene.camera.position)[:, None]
    rays = camera_rays(scene.camera, size).reshape(3, -1)
    hits = _cast_room(scene, origin, rays)
    surfaces = _Surfaces(
        labels=[CLASS_IDS["floor"], CLASS_IDS["wall"], CLASS_IDS["ceiling"]],
        materials=[scene.floor, scene.wall, scene.ceiling],
    )
    beyond = _lay_decals(scene, hits, surfaces, origin, rays)
    _cast_solids(scene, hits, surfaces, origin, rays)
    points = origin + rays * hits.distance
    colour = _paint(surfaces.materials, hits, points) * _shade(scene, hits, points, rays)
    depth = hits.distance + beyond[hits.surface] / np.abs(_along(rays, hits.axis))
    return Picture(
        colour=_expose(colour.reshape(3, size, size), rng),
        depth=_measure(depth.reshape(size, size), rng),
        label=np.array(surfaces.labels, dtype=np.uint8)[hits.surface].reshape(size, size),
    )


def camera_rays(camera: Camera, size: int) -> Numbers:
    """Direction of each pixel's ray; its component along the optical axis is 1.

    Returns:
        Directions with shape (3, h, w).
    """
    steps = (2 * np.arange(size) + 1 - size) / size * np.tan(camera.view / 2)
    right, down = np.meshgrid(steps, steps)
    cos, sin = np.cos(camera.pitch), np.sin(camera.pitch)
    forward, up = cos - sin * down, -sin - cos * down
    cos, sin = np.cos(camera.yaw), np.sin(camera.yaw)
    return np.stack([cos * right + sin * forward, cos * forward - sin * right, up])


def _cast_room(scene: Scene, origin: Numbers, rays: Numbers) -> _Hits:
    planes = np.where(rays > 0, np.array(scene.size)[:, None], 0.0)
    distances = (planes - origin) / rays
    axis = np.argmin(distances, axis=0)
    surface = np.where(axis < 2, 1, np.where(rays[2] > 0, 2, 0))
    return _Hits(distance=distances.min(axis=0), axis=axis, surface=surface)


def _lay_decals(
    scene: Scene, hits: _Hits, surfaces: _Surfaces, origin: Numbers, rays: Numbers
) -> Numbers:
    """Add the rectangles to the room's planes.

    Returns:
        How far beyond each surface, including later ones, the depth sensor sees.
    """
    points = origin + rays * hits.distance
    beyond = np.zeros(len(surfaces.labels) + len(scene.decals) + len(scene.solids))
    for decal in scene.decals:
        inside = (hits.axis == decal.axis) & ((rays[decal.axis] > 0) == decal.high_side)
        where = np.flatnonzero(inside)
        surface = surfaces.add(decal.label, decal.material)
        hits.surface[where[_within(decal, points[:, where])]] = surface
        beyond[surface] = decal.beyond
    return beyond


def _within(decal: Decal, points: Numbers) -> NDArray[np.bool_]:
    first, second = np.delete(points, decal.axis, axis=0)
    inside: NDArray[np.bool_] = (
        (first >= decal.low[0])
        & (first <= decal.high[0])
        & (second >= decal.low[1])
        & (second <= decal.high[1])
    )
    return inside


def _cast_solids(
    scene: Scene, hits: _Hits, surfaces: _Surfaces, origin: Numbers, rays: Numbers
) -> None:
    """Slab method: a ray is inside a box while it is between all three pairs of planes."""
    inverse = 1 / rays
    for solid in scene.solids:
        first = (np.array(solid.low)[:, None] - origin) * inverse
        second = (np.array(solid.high)[:, None] - origin) * inverse
        enter = np.minimum(first, second)
        near, far = enter.max(axis=0), np.maximum(first, second).min(axis=0)
        seen = np.flatnonzero((near > 0) & (near < far) & (near < hits.distance))
        hits.distance[seen] = near[seen]
        hits.axis[seen] = enter[:, seen].argmax(axis=0)
        hits.surface[seen] = surfaces.add(solid.label, solid.material)


def _along(vectors: Numbers, axis: NDArray[np.int64]) -> Numbers:
    """Each vector's component along its axis."""
    return np.choose(axis, vectors)


def _paint(materials: list[Material], hits: _Hits, points: Numbers) -> Numbers:
    colour = np.zeros_like(points)
    for surface, material in enumerate(materials):
        where = np.flatnonzero(hits.surface == surface)
        for axis in range(3):
            here = where[hits.axis[where] == axis]
            first, second = np.delete(points[:, here], axis, axis=0)
            colour[:, here] = paint_material(material, first, second)
    return colour


def _shade(scene: Scene, hits: _Hits, points: Numbers, rays: Numbers) -> Numbers:
    """Light on each point from the lamp and from all directions, per colour."""
    light = scene.light
    towards = np.array(light.position)[:, None] - points
    squared = (towards**2).sum(axis=0)
    side = -np.sign(_along(rays, hits.axis))
    facing = side * _along(towards, hits.axis) / np.sqrt(squared)
    lamp = (1 - light.ambient) * np.clip(facing, 0, 1) * 3 / (1 + 0.3 * squared)
    shade: Numbers = np.array(light.tint)[:, None] * (light.ambient + lamp)
    return shade


def _expose(colour: Numbers, rng: np.random.Generator) -> NDArray[np.uint8]:
    """From (3, h, w) to (h, w, 3)."""
    blurred = scipy.ndimage.gaussian_filter(colour, sigma=(0, BLUR, BLUR))
    noisy = blurred + COLOUR_NOISE * rng.standard_normal(colour.shape)
    exposed: NDArray[np.uint8] = np.rint(np.clip(noisy, 0, 1) * 255).astype(np.uint8)
    return exposed.transpose(1, 2, 0)


def _measure(depth: Numbers, rng: np.random.Generator) -> NDArray[np.uint16]:
    noisy = depth * (1 + DEPTH_NOISE * rng.standard_normal(depth.shape))
    return np.clip(np.rint(noisy * MILLIMETRES), 1, 65535).astype(np.uint16)
