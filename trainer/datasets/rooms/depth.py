"""Depth as an image with three channels on fixed scales.

Modelled on HHA (disparity, height, angle), the form in which NYU-Depth-v2 has depth. The camera's
pose above the floor is known here; with real data it is estimated from the depth.
"""

import numpy as np
import scipy
from numpy.typing import NDArray

from trainer.datasets.base import Image
from trainer.datasets.rooms.materials import Numbers
from trainer.datasets.rooms.render import MILLIMETRES, camera_rays
from trainer.datasets.rooms.scene import Camera

__all__ = ["encode_depth"]

FULL_DEPTH = 10.0  # metres that become 1; larger depths as well
FULL_HEIGHT = 3.0  # metres above the floor that become 1
SMOOTHING = 5  # pixels, side of the mean filter that smooths the normals


def encode_depth(depth: NDArray[np.uint16], camera: Camera) -> Image:
    """Depth, height above the floor, and how far surfaces face up.

    Args:
        depth: Distance along the optical axis in millimetres, shape (h, w).
        camera: The camera that took it.

    Returns:
        Image with shape (h, w, 3), from 0 to 1: depth divided by 10 m; height divided by 3 m; the
        vertical part of the normal: 0 down, 1/2 for upright surfaces, 1 up.
    """
    metres = depth.astype(np.float64) / MILLIMETRES
    rays = camera_rays(camera, depth.shape[0])
    points = rays * metres
    height = points[2] + camera.position[2]
    channels = [metres / FULL_DEPTH, height / FULL_HEIGHT, (_upward(points, rays) + 1) / 2]
    image: Image = np.clip(np.stack(channels, axis=-1), 0, 1).astype(np.float32)
    return image


def _upward(points: Numbers, rays: Numbers) -> Numbers:
    """Vertical part of the unit normal that faces the camera, from -1 to 1; shape (h, w)."""
    smooth = scipy.ndimage.uniform_filter(points, size=(1, SMOOTHING, SMOOTHING), mode="nearest")
    normal = np.cross(np.gradient(smooth, axis=1), np.gradient(smooth, axis=2), axis=0)
    length = np.sqrt((normal**2).sum(axis=0))
    towards = -np.sign((normal * rays).sum(axis=0))
    upward: Numbers = normal[2] * towards / np.maximum(length, 1e-12)
    return upward
