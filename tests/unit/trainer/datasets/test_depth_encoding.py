"""Depth as three channels: exact scenes of planes, and a published HHA file."""

import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from scipy.spatial.transform import Rotation

from trainer.datasets.depth_encoding import (
    Intrinsics,
    encode_hha,
    encode_inverse_depth,
    estimate_gravity,
)
from trainer.datasets.nyu.depth import NYU_CAMERA
from trainer.errors import ConfigError, DataError

CAMERA = Intrinsics(fx=100.0, fy=80.0, cx=60.0, cy=44.0)
SHAPE = (90, 120)
FRAME = Path(os.environ.get("UMSS_DATA", "/nowhere")) / "nyu_frame"

Numbers = NDArray[np.float64]


def rays() -> Numbers:
    """Points one metre ahead, written out pixel by pixel; shape (H, W, 3)."""
    rows = [
        [((u - 60.0) / 100.0, (v - 44.0) / 80.0, 1.0) for u in range(SHAPE[1])]
        for v in range(SHAPE[0])
    ]
    return np.array(rows)


def pose(*, pitch: float, roll: float) -> tuple[Numbers, Numbers]:
    """Down and ahead (level) as a camera sees them that looks down by pitch, both degrees."""
    turn = Rotation.from_euler("zx", [roll, pitch], degrees=True)
    return turn.apply([0.0, 1.0, 0.0]), turn.apply([0.0, 0.0, 1.0])


def seen(normal: Numbers, distance: float) -> Numbers:
    """Depth of the plane normal . point = distance; infinite where it is not seen."""
    along = rays() @ normal
    return np.where(along > 1e-6, distance / np.maximum(along, 1e-6), np.inf)


def inner(where: NDArray[np.bool_], margin: int = 4) -> NDArray[np.bool_]:
    """Pixels farther than a window from where it ends and from the border."""
    shrunk = where.copy()
    shrunk[:margin] = shrunk[-margin:] = False
    shrunk[:, :margin] = shrunk[:, -margin:] = False
    for axis in (0, 1):
        for step in range(-margin, margin + 1):
            shrunk &= np.roll(where, step, axis=axis)
    return shrunk


@pytest.mark.parametrize(("pitch", "roll"), [(0.0, 0.0), (20.0, 0.0), (12.0, 8.0), (30.0, -5.0)])
def test_floor_and_wall_of_a_tilted_camera(pitch: float, roll: float) -> None:
    down, ahead = pose(pitch=pitch, roll=roll)
    floor, wall = seen(down, 1.4), seen(ahead, 4.0)
    depth = np.minimum(floor, wall)

    image = encode_hha(depth, CAMERA).astype(np.float64) * 255

    on_floor, on_wall = inner(floor < wall), inner(wall < floor)
    assert on_floor.sum() > 300 and on_wall.sum() > 300
    assert np.allclose(image[..., 0], np.minimum(310 / depth, 255), atol=1e-3)
    height = 100 * (1.4 - (rays() @ down) * depth)
    assert np.abs(image[..., 1] - np.clip(height, 0, 255)).max() < 1.5
    assert np.abs(image[..., 1][on_floor]).max() < 1.5
    assert np.allclose(image[..., 2][on_floor], 38, atol=0.3)
    assert np.allclose(image[..., 2][on_wall], 128, atol=0.3)


def test_a_floor_by_itself_is_level() -> None:
    down, _ = pose(pitch=35.0, roll=0.0)

    image = encode_hha(seen(down, 1.4), CAMERA) * 255

    # the remaining angle comes from the weight of the picture's downward axis
    assert np.allclose(image[..., 2], 38, atol=0.05)
    assert np.allclose(image[..., 1], 0, atol=1.0)


def test_a_ceiling_faces_down() -> None:
    down, ahead = pose(pitch=-15.0, roll=0.0)
    ceiling, wall = seen(-down, 1.0), seen(ahead, 3.0)

    image = encode_hha(np.minimum(ceiling, wall), CAMERA) * 255

    above = inner(ceiling < wall)
    assert above.sum() > 300
    assert np.allclose(image[..., 2][above], 218, atol=0.3)
    # nothing is lower than 0.9 m below the camera, so it is assumed to be 1.3 m above the ground
    assert np.allclose(image[..., 1][above], 230, atol=1.5)


def test_with_only_a_wall_gravity_is_the_pictures_axis() -> None:
    image = encode_hha(np.full(SHAPE, 1.5), CAMERA) * 255

    assert np.allclose(image[..., 2], 128, atol=1e-3)
    heights = 100 * (1.3 - 1.5 * rays()[..., 1])
    assert np.allclose(image[..., 1], np.clip(heights, 0, 255), atol=1e-3)
    assert np.allclose(image[..., 0], 310 / 1.5)


def test_gravity_is_found_among_floors_and_walls() -> None:
    rng = np.random.default_rng(1)
    turn = Rotation.from_euler("zx", [7.0, -18.0], degrees=True)
    level = np.concatenate(
        [
            np.tile([0.0, -1.0, 0.0], (300, 1)),  # floor
            np.tile([0.6, 0.0, -0.8], (400, 1)),  # two walls
            np.tile([-0.8, 0.0, -0.6], (300, 1)),
        ]
    )
    normals = turn.apply(level + rng.normal(0, 0.02, level.shape))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)

    gravity = estimate_gravity(normals)

    assert np.degrees(np.arccos(gravity @ turn.apply([0.0, 1.0, 0.0]))) < 0.3


def test_holes_take_the_farther_side() -> None:
    depth = np.full(SHAPE, 2.0)
    depth[:, 80:] = 4.0
    depth[20:40, 70:85] = 0

    for image in (encode_inverse_depth(depth), encode_hha(depth, CAMERA)):
        assert np.isfinite(image).all()
        assert (image[20:40, 70:85, 0] == image[50, 100, 0]).all()


def test_inverse_depth_has_one_scale_for_all_images() -> None:
    image = encode_inverse_depth(np.array([[0.25, 0.5], [1.0, 10.0]]))

    assert image.dtype == np.float32 and image.shape == (2, 2, 3)
    assert image[..., 0].tolist() == [[1.0, 1.0], [0.5, np.float32(0.05)]]
    assert (image == image[..., :1]).all()


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_an_invalid_depth_is_refused(value: float) -> None:
    depth = np.ones(SHAPE)
    depth[3, 4] = value

    with pytest.raises(DataError, match="negative or not finite"):
        encode_hha(depth, CAMERA)
    with pytest.raises(DataError, match="not one depth is above 0"):
        encode_inverse_depth(np.zeros(SHAPE))


@pytest.mark.parametrize(("name", "value"), [("fx", 0.0), ("fy", -3.0), ("cy", np.nan)])
def test_an_invalid_camera_is_refused(name: str, value: float) -> None:
    good = {"fx": 1.0, "fy": 1.0, "cx": 0.0, "cy": 0.0}

    with pytest.raises(ConfigError, match=f"camera intrinsic {name}"):
        Intrinsics(**{**good, name: value})


@pytest.mark.skipif(not FRAME.is_dir(), reason="set UMSS_DATA to the folder of the sample data")
def test_it_agrees_with_a_published_hha_file() -> None:
    published = np.asarray(PIL.Image.open(FRAME / "HHA/0.jpg"), dtype=np.float64)

    ours = encode_hha(np.load(FRAME / "Depth/0.npy"), NYU_CAMERA).astype(np.float64) * 255

    # the file is a JPEG: its own noise is about 1
    for channel, (least, most) in enumerate([(0.997, 1.0), (0.999, 1.0), (0.99, 3.0)]):
        one, other = ours[..., channel], published[..., channel]
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > least
        assert np.abs(one - other).mean() < most
    wrong = np.abs(ours - published[..., ::-1]).mean(axis=(0, 1))
    assert (wrong[[0, 2]] > 15).all(), "the order of the channels matters"


def plain_normals(inverse: Numbers) -> Numbers:
    """The plane through the window around each pixel, written without anything kept."""

    def window_mean(values: Numbers) -> Numbers:
        ones = uniform_filter(np.ones(SHAPE), 7, mode="constant")
        total: Numbers = uniform_filter(values, 7, mode="constant")
        mean: Numbers = total / ones
        return mean

    rays_hw3, planes = rays(), []
    for axis in (0, 1):
        ray = rays_hw3[..., axis]
        planes.append(
            (window_mean(inverse * ray) - window_mean(inverse) * window_mean(ray))
            / (window_mean(ray**2) - window_mean(ray) ** 2)
        )
    constant = window_mean(inverse) - sum(
        slope * window_mean(rays_hw3[..., axis]) for axis, slope in enumerate(planes)
    )
    plane = np.stack([*planes, constant], axis=-1)
    away = np.where((plane * rays_hw3).sum(axis=-1, keepdims=True) > 0, -1.0, 1.0)
    normals: Numbers = away * plane / np.linalg.norm(plane, axis=-1, keepdims=True)
    return normals


def test_remembered_camera_values_do_not_change_later_images() -> None:
    generator = np.random.default_rng(0)
    other = Intrinsics(fx=90.0, fy=95.0, cx=50.0, cy=40.0)
    images = [generator.uniform(0.5, 9.0, size=SHAPE) for _ in range(3)]
    first = [encode_hha(depth, CAMERA).tobytes() for depth in images]
    for depth in images:  # more cameras and sizes than are kept
        encode_hha(depth[:80], other)
        encode_hha(depth[:70], CAMERA)
    assert [encode_hha(depth, CAMERA).tobytes() for depth in images] == first


def test_the_angle_is_that_of_the_fitted_planes() -> None:
    depth = np.random.default_rng(1).uniform(1.0, 1.2, size=SHAPE)
    normals_hw3 = plain_normals(1 / depth)
    gravity_3 = estimate_gravity(normals_hw3.reshape(-1, 3))
    upward = np.degrees(np.arccos(np.clip(-normals_hw3 @ gravity_3, -1, 1)))

    angle = encode_hha(depth, CAMERA)[..., 2] * 255 - 38

    np.testing.assert_allclose(angle, np.minimum(upward, 255 - 38), atol=1e-3)
