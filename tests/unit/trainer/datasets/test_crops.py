import numpy as np
import PIL.Image
import pytest

from trainer.datasets.crops import crop_boxes, five_crop_boxes, square_image, square_label
from trainer.errors import DataError


def test_origins_of_five_crops() -> None:
    boxes = five_crop_boxes(480, 640)

    assert [(box.top, box.left) for box in boxes] == [
        (0, 0),
        (0, 320),
        (240, 0),
        (240, 320),
        (120, 160),
    ]
    assert {(box.height, box.width) for box in boxes} == {(240, 320)}


@pytest.mark.parametrize("size", [(480, 640), (481, 641), (7, 5)])
def test_five_crops_are_inside_and_reach_every_edge(size: tuple[int, int]) -> None:
    covered = np.zeros(size, dtype=bool)
    for box in five_crop_boxes(*size):
        cut = box.cut(covered)
        assert cut.shape == (size[0] // 2, size[1] // 2)
        cut[:] = True

    assert covered[0].any() and covered[-1].any()
    assert covered[:, 0].any() and covered[:, -1].any()


def test_without_crops_the_whole_image_is_taken() -> None:
    (box,) = crop_boxes("none", 480, 640)

    assert (box.top, box.left, box.height, box.width) == (0, 0, 480, 640)


@pytest.mark.parametrize("size", [(1, 640), (480, 1)])
def test_an_image_that_cannot_be_halved_has_no_crops(size: tuple[int, int]) -> None:
    with pytest.raises(DataError, match="cannot be cut into five crops"):
        crop_boxes("five", *size)
    assert len(crop_boxes("none", *size)) == 1


@pytest.mark.parametrize(
    ("height", "width", "side", "first", "last"),
    [(480, 640, 320, 80, 559), (240, 320, 224, 40, 279)],
)
def test_squares_keep_these_columns(
    height: int, width: int, side: int, first: int, last: int
) -> None:
    ramp = np.broadcast_to(np.arange(width, dtype=np.float32), (height, width))
    image = np.repeat(ramp[:, :, None], 3, axis=2)

    square = square_image(image, side=side, resize="nearest")

    assert square.shape == (3, side, side)
    assert square[0, 0, 0] == first
    assert square[0, 0, -1] == last


@pytest.mark.parametrize("size", [(240, 320), (97, 61), (20, 33), (512, 1024)])
def test_nearest_is_pillows_for_images_and_labels(size: tuple[int, int]) -> None:
    label = np.random.default_rng(0).integers(0, 255, size, dtype=np.uint8)
    side = 224 if size == (512, 1024) else 24  # there, borders of two pixels are hit
    height, width = size
    resized = (side, side * width // height) if height <= width else (side * height // width, side)
    pillow = np.asarray(
        PIL.Image.fromarray(label).resize(resized[::-1], PIL.Image.Resampling.NEAREST)
    )
    top, left = round((resized[0] - side) / 2), round((resized[1] - side) / 2)
    wanted = pillow[top : top + side, left : left + side]
    image = np.repeat(label[:, :, None], 3, axis=2).astype(np.float32)

    assert np.array_equal(square_label(label, side=side), wanted)
    assert np.array_equal(square_image(image, side=side, resize="nearest")[0].numpy(), wanted)


def test_bilinear_filters_while_it_shrinks() -> None:
    stripes = np.zeros((64, 64, 3), dtype=np.float32)
    stripes[:, ::2] = 1

    square = square_image(stripes, side=16, resize="bilinear")

    assert square[:, :, 1:-1].sub(0.5).abs().max() < 0.05  # aliasing would give 0 or 1
    assert square.min() >= 0 and square.max() <= 1


def test_half_an_offset_rounds_to_even() -> None:
    label = np.broadcast_to(np.arange(27, dtype=np.uint8), (24, 27))  # offset 1.5

    assert square_label(label, side=24)[0, 0] == 2
