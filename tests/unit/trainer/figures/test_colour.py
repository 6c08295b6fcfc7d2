"""Colours of label maps, and that colour-blind readers can distinguish them."""

import numpy as np
import pytest
from numpy.typing import ArrayLike

from trainer.figures.colour import (
    HATCH_DARK,
    HATCH_LIGHT,
    SAFE_PALETTE,
    VOID,
    colour_label,
    hatch_holes,
    overlay,
    picture_palette,
)

# sRGB primaries in XYZ (IEC 61966-2-1), and full dichromacies in linear RGB (Machado 2009).
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
SIGHTS: dict[str, ArrayLike] = {
    "normal": np.eye(3),
    "protan": [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]],
    "deutan": [[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]],
    "tritan": [[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]],
}


def smallest_difference(colours: ArrayLike, sight: ArrayLike) -> float:
    """CIELAB distance of the two colours that are most alike."""
    stored = np.array(colours) / 255
    linear = np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.transpose(sight), 0, 1) @ TO_XYZ.T / TO_XYZ.sum(axis=1)
    bent = np.where(seen > 216 / 24389, np.cbrt(seen), (24389 / 27 * seen + 16) / 116)
    x, y, z = bent.T
    lab = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)
    distances = np.linalg.norm(lab[:, None] - lab, axis=2)
    return float(distances[~np.eye(len(lab), dtype=bool)].min())


@pytest.mark.parametrize("sight", SIGHTS)
def test_ten_colours_are_distinguishable_by_every_reader(sight: str) -> None:
    colours = [*SAFE_PALETTE, (0, 0, 0), (255, 255, 255)]
    assert smallest_difference(colours, SIGHTS[sight]) > 30
    assert smallest_difference([(200, 60, 50), (60, 170, 70)], SIGHTS["deutan"]) < 30


def test_few_classes_are_drawn_in_safe_colours_many_in_their_own() -> None:
    own = tuple((shade, shade, shade) for shade in range(27))
    assert picture_palette(own[:3]) == SAFE_PALETTE[:3]
    assert picture_palette(own[:10]) == SAFE_PALETTE
    assert picture_palette(own) == own


def test_the_users_own_palette_wins_for_any_number_of_classes() -> None:
    own = tuple((shade, 2, shade) for shade in range(27))
    for classes in (2, 10, 27):
        assert picture_palette(own[:classes], chosen=True) == own[:classes]


def test_pixels_without_a_class_are_void_and_show_the_image() -> None:
    label = np.array([[0, 1, 255]], dtype=np.uint8)
    palette = [(10, 20, 30), (200, 100, 0)]
    assert colour_label(label, palette).tolist() == [[[10, 20, 30], [200, 100, 0], list(VOID)]]
    image = np.full((1, 3, 3), 0.4, dtype=np.float32)
    mixed = overlay(image, label, palette, 0.5)
    assert mixed.dtype == np.uint8
    assert mixed[0, 1].tolist() == [151, 101, 51]  # halfway to 102
    assert mixed[0, 2].tolist() == [102, 102, 102]


@pytest.mark.parametrize(("opacity", "first"), [(0.0, [102] * 3), (1.0, [10, 20, 30])])
def test_opacity_blends_from_the_image_to_the_map(opacity: float, first: list[int]) -> None:
    image = np.full((1, 1, 3), 0.4, dtype=np.float32)
    label = np.zeros((1, 1), dtype=np.uint8)
    assert overlay(image, label, [(10, 20, 30)], opacity)[0, 0].tolist() == first


def test_unmeasured_pixels_are_hatched_grey_and_others_unchanged() -> None:
    image = np.random.default_rng(0).random((40, 60, 3), dtype=np.float32)
    holes = np.zeros((40, 60), dtype=np.bool_)
    holes[5:20, 10:50] = True

    hatched = hatch_holes(image, holes)

    assert hatched.shape == image.shape and hatched.dtype == np.float32
    assert np.array_equal(hatched[~holes], image[~holes])
    greys = hatched[holes]
    assert (greys == greys[:, :1]).all()  # neutral
    assert set(np.unique(greys)) == {np.float32(HATCH_LIGHT), np.float32(HATCH_DARK)}
    assert hatch_holes(image, None) is image
    assert hatch_holes(image, np.zeros_like(holes)) is image
