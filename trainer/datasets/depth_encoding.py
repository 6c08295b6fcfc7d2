"""Metric depth as an image of three channels, for backbones that were trained on colours.

``hha``: horizontal disparity, height above the ground, angle with gravity (Gupta, Girshick,
Arbelaez, Malik: Learning Rich Features from RGB-D Images, ECCV 2014, section 2.2), with
gravity found as in Gupta, Arbelaez, Malik: Perceptual Organization and Recognition of Indoor
Scenes from RGB-D Images, CVPR 2013, section 3.3. The papers do not state scales and channel
order; both were measured on a published HHA file of NYU-Depth-v2: red is 310 / depth in metres,
green is the height in centimetres, and blue is the angle between the surface normal and the
upward direction in degrees, plus 38; each divided by 255.

``inverse``: inverse depth on one fixed scale, the same in three channels.

Letters of shapes: ``docs/architecture.md``. The axis of 3 is the camera's: right, down, forward.
"""

import functools
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from trainer.datasets.base import Image
from trainer.datasets.decoding import grey_image
from trainer.datasets.holes import fill_rows
from trainer.errors import ConfigError, DataError

__all__ = ["Intrinsics", "encode_hha", "encode_inverse_depth", "estimate_gravity"]

FULL = 255.0  # of an 8-bit channel

DISPARITY = 310.0  # of 255, at 1 m: white is 1.22 m and nearer
CENTIMETRES = 100.0  # of 255, per metre above the ground: white is 2.55 m and higher
UPWARD = 38.0  # of 255, for a surface that faces up; 128 is upright, 218 faces down

LOWEST_SEEN = 0.9  # metres below the camera; a view with nothing lower does not show the ground,
CAMERA_HEIGHT = 1.3  # which is then assumed this far below the camera

WINDOW = 7  # pixels, side of the square in which a surface is assumed to be flat
NEAR, FAR = 45.0, 15.0  # degrees within which normals are along or across gravity: first, later
ROUNDS = 5  # of each
PRIOR = 1e-3  # weight, relative to all pixels, of gravity pointing down in the picture
ENOUGH = 50_000  # normals used to estimate gravity; of more, every n-th is used

NEAREST = 0.5  # metres at which inverse depth is white

Depth = NDArray[np.floating]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Intrinsics:
    """A pinhole camera: point (x, y, z) is seen at pixel (fx x/z + cx, fy y/z + cy)."""

    #: Focal lengths, pixels.
    fx: float
    fy: float
    #: Optical axis in the picture, in pixels from the centre of the top left one.
    cx: float
    cy: float

    def __post_init__(self) -> None:
        for name in ("fx", "fy"):
            if not 0 < getattr(self, name) < np.inf:
                raise ConfigError(
                    f"camera intrinsic {name} = {getattr(self, name):g} is out of range: give a"
                    " positive number of pixels"
                )
        for name in ("cx", "cy"):
            if not np.isfinite(getattr(self, name)):
                raise ConfigError(f"camera intrinsic {name} is not finite: give pixels")


def encode_inverse_depth(depth: Depth) -> Image:
    """Inverse depth on one fixed scale, the same in three channels: 0.5 m and nearer is white.

    Args:
        depth: Metres along the optical axis with shape (h, w); 0 for no measurement.

    Returns:
        Image with shape (h, w, 3), from 0 (far) to 1 (near).

    Raises:
        DataError: If a depth is negative or not finite, or nothing was measured.
    """
    return grey_image(np.minimum(_inverse(depth)[0] * NEAREST, 1).astype(np.float32))


def encode_hha(depth: Depth, camera: Intrinsics) -> Image:
    """Horizontal disparity, height above the ground, angle with gravity.

    Pixels without a measurement are filled from their row with the farther side.

    Args:
        depth: Metres along the optical axis with shape (h, w); 0 for no measurement.
        camera: The camera that took it.

    Returns:
        Image with shape (h, w, 3), from 0 to 1, scaled as described for this module.

    Raises:
        DataError: If a depth is negative or not finite, or nothing was measured.
    """
    inverse, measured = _inverse(depth)
    normals_hw3 = _surface_normals(inverse, camera)
    normals_I3 = normals_hw3.reshape(-1, 3) if measured.all() else normals_hw3[measured]
    gravity_3 = estimate_gravity(normals_I3[:: max(1, len(normals_I3) // ENOUGH)])
    below = _view(inverse.shape, camera).rays_hw3 @ gravity_3 / inverse  # metres below the camera
    lowest = float(below[measured].max())
    ground = lowest if lowest >= LOWEST_SEEN else CAMERA_HEIGHT
    angle = np.degrees(np.arccos(np.clip(-normals_hw3 @ gravity_3, -1, 1)))
    channels = [DISPARITY * inverse, CENTIMETRES * (ground - below), UPWARD + angle]
    image: Image = np.clip(np.stack(channels, axis=-1) / FULL, 0, 1).astype(np.float32)
    return image


def estimate_gravity(normals_I3: Numbers) -> Numbers:
    """The direction to which most surfaces are parallel or perpendicular.

    Starting from the picture's downward axis, normals within 45 degrees (later 15) of the current
    direction are taken as floors and ceilings, and normals equally close to a right angle with it
    as walls. The new direction is most parallel to the former and least to the latter, in the
    mean of squares. For a view of a single wall, the picture's axis remains.

    Args:
        normals_I3: Unit normals with shape (I, 3).

    Returns:
        Unit vector with shape (3,).
    """
    down_3 = np.array([0.0, 1.0, 0.0])
    prior_33 = PRIOR * len(normals_I3) * np.outer(down_3, down_3)
    gravity_3 = down_3
    for degrees in (NEAR,) * ROUNDS + (FAR,) * ROUNDS:
        cosine_I = np.abs(normals_I3 @ gravity_3)
        along = normals_I3.compress(cosine_I > np.cos(np.radians(degrees)), axis=0)
        across = normals_I3.compress(cosine_I < np.sin(np.radians(degrees)), axis=0)
        _, vectors = np.linalg.eigh(across.T @ across - along.T @ along - prior_33)
        gravity_3 = vectors[:, 0] * (1 if vectors[:, 0] @ gravity_3 >= 0 else -1)
    return gravity_3


def _surface_normals(inverse: Numbers, camera: Intrinsics) -> Numbers:
    """Unit normals that face the camera.

    The inverse depth of a plane is linear in the pixel coordinates. It is fitted by least squares
    in the square around each pixel, as far as it is inside the picture.

    Args:
        inverse: Inverse depth with shape (h, w), 1/m.
        camera: The camera that took it.

    Returns:
        Normals with shape (h, w, 3).
    """
    view = _view(inverse.shape, camera)
    mean = _window_mean(inverse)
    slope_x, slope_y = (_slope(inverse, mean, axis) for axis in (view.across, view.down))
    constant = mean - slope_x * view.across.middle - slope_y * view.down.middle
    # the plane n . point = 1 has the inverse depth n . ray
    facing = slope_x * view.across.ray + slope_y * view.down.ray + constant
    length = np.sqrt(slope_x * slope_x + slope_y * slope_y + constant * constant)
    away = np.where(facing > 0, -1.0, 1.0)
    return np.stack([away * part / length for part in (slope_x, slope_y, constant)], axis=-1)


def _slope(inverse: Numbers, mean: Numbers, axis: "_Axis") -> Numbers:
    """Slope of inverse depth along an axis in each window, shape (h, w)."""
    slope: Numbers = (_window_mean(inverse * axis.ray) - mean * axis.middle) / axis.spread
    return slope


def _window_mean(values: Numbers) -> Numbers:
    """Mean over the part of the window that is inside the picture."""
    total = scipy.ndimage.uniform_filter(values, WINDOW, mode="constant")
    counts = [
        scipy.ndimage.uniform_filter1d(np.ones(length), WINDOW, mode="constant")
        for length in values.shape
    ]
    mean: Numbers = total / np.outer(*counts)
    return mean


@dataclass(frozen=True, kw_only=True)
class _Axis:
    """One coordinate of the rays; arrays with shape (h, w)."""

    ray: Numbers
    #: Mean and variance in the window around each pixel.
    middle: Numbers
    spread: Numbers

    @classmethod
    def of(cls, ray: Numbers) -> "_Axis":
        """Measure the windows."""
        middle = _window_mean(ray)
        return cls(ray=ray, middle=middle, spread=_window_mean(ray**2) - middle**2)


@dataclass(frozen=True, kw_only=True)
class _View:
    """What depends only on the camera and the size of its pictures."""

    #: For each pixel, the point it sees at one metre along the optical axis, shape (h, w, 3).
    rays_hw3: Numbers
    across: _Axis
    down: _Axis


@functools.lru_cache(maxsize=2)  # a data set has one camera; the next one may be a test's
def _view(shape: tuple[int, int], camera: Intrinsics) -> _View:
    height, width = shape
    x = (np.arange(width) - camera.cx) / camera.fx
    y = (np.arange(height) - camera.cy) / camera.fy
    ray_x, ray_y = (np.ascontiguousarray(ray) for ray in np.broadcast_arrays(x, y[:, None]))
    return _View(
        rays_hw3=np.stack([ray_x, ray_y, np.ones(shape)], axis=-1),
        across=_Axis.of(ray_x),
        down=_Axis.of(ray_y),
    )


def _inverse(depth: Depth) -> tuple[Numbers, NDArray[np.bool_]]:
    """Inverse depth with filled holes, in 1/m, and the mask of measured pixels."""
    metres = depth.astype(np.float64)
    if not (np.isfinite(metres) & (metres >= 0)).all():
        raise DataError("a depth is negative or not finite: give metres, 0 where there is none")
    measured = metres > 0
    if not measured.any():
        raise DataError("not one depth is above 0: give metres, or remove the image")
    inverse = np.divide(1, metres, out=np.zeros_like(metres), where=measured)
    return fill_rows(inverse, measured), measured
