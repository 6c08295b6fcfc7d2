"""Crops and resizing of images and labels (``docs/method.md``).

Coordinates are (top, left) in pixels. Letters of shapes: ``docs/architecture.md``.
"""

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
import PIL.Image
import torch
from numpy.typing import NDArray
from torch.nn import functional

from trainer.datasets.base import Image, Label, Number
from trainer.errors import DataError

__all__ = [
    "LEAST_SIDE",
    "Box",
    "crop_boxes",
    "five_crop_boxes",
    "is_same_view",
    "jpeg_round_trip",
    "nearest_pixels",
    "square_image",
    "square_label",
    "whole_image",
]

LEAST_SIDE = 2  # pixels of a side of a training image, which is halved
JPEG_QUALITY = 75
HALVED_CHROMA = 2  # Pillow's number of the chroma subsampling 4:2:0
SAME_VIEW = 0.02  # of a side: largest difference in proportions between images of the same view


@dataclass(frozen=True, kw_only=True)
class Box:
    """A rectangle of pixels."""

    top: int
    left: int
    height: int
    width: int

    def cut(self, array: NDArray[Number]) -> NDArray[Number]:
        """The view of ``array`` (height and width first) inside the box."""
        view: NDArray[Number] = array[
            self.top : self.top + self.height, self.left : self.left + self.width
        ]
        return view


def five_crop_boxes(height: int, width: int) -> tuple[Box, ...]:
    """Top left, top right, bottom left, bottom right, centre; each half the image's sides."""
    crop_height, crop_width = height // 2, width // 2
    bottom, right = height - crop_height, width - crop_width
    middle = (round(bottom / 2), round(right / 2))
    origins = ((0, 0), (0, right), (bottom, 0), (bottom, right), middle)
    return tuple(
        Box(top=top, left=left, height=crop_height, width=crop_width) for top, left in origins
    )


def crop_boxes(crop: Literal["five", "none"], height: int, width: int) -> tuple[Box, ...]:
    """The boxes into which a training image is cropped.

    Raises:
        DataError: If it has too few pixels.
    """
    if crop == "none":
        return (Box(top=0, left=0, height=height, width=width),)
    if min(height, width) < LEAST_SIDE:
        raise DataError(
            f"a training image of {width} x {height} pixels cannot be cut into five crops: leave"
            f" out images with a side under {LEAST_SIDE}"
        )
    return five_crop_boxes(height, width)


def jpeg_round_trip(image: Image) -> Image:
    """An image after it was stored like the training crops of the published code.

    That is JPEG of quality 75 with chroma at half the resolution for all modalities, even those
    whose channels are not colours (``docs/protocols.md``).

    Args:
        image: Image with shape (h, w, 3), from 0 to 1; rounded to 8 bits.

    Returns:
        Image with shape (h, w, 3), from 0 to 1.
    """
    levels = np.rint(image * np.float32(255)).astype(np.uint8)
    file = io.BytesIO()
    PIL.Image.fromarray(levels).save(
        file, format="JPEG", quality=JPEG_QUALITY, subsampling=HALVED_CHROMA
    )
    with PIL.Image.open(file) as stored:
        return np.asarray(stored, dtype=np.float32) / np.float32(255)


def square_image(
    image: Image, *, side: int, resize: Literal["bilinear", "nearest"]
) -> torch.Tensor:
    """Resize the short side to ``side`` and crop the centre square.

    Args:
        image: Image with shape (h, w, 3).
        side: Side of the result, pixels.
        resize: ``bilinear`` with antialiasing, or ``nearest``, which takes the pixel with the
            nearest centre, as the published code does even for images.

    Returns:
        Tensor with shape (3, h, w), h = w, from 0 to 1.
    """
    if resize == "nearest":
        square = np.ascontiguousarray(_nearest_square(image, side).transpose(2, 0, 1))
        return torch.from_numpy(square)
    size = _resized(image.shape[0], image.shape[1], side)
    pixels = _smooth(image, size)
    box = _centre_box(size, side)
    return pixels[:, box.top : box.top + side, box.left : box.left + side]


def whole_image(
    image: Image, *, side: int, multiple: int, resize: Literal["bilinear", "nearest"]
) -> torch.Tensor:
    """Resize the short side to ``side`` and the long one to the nearest multiple, without a crop.

    Args:
        image: Image with shape (h, w, 3).
        side: Short side of the result, pixels; a multiple of ``multiple``.
        multiple: The long side becomes a multiple of this many pixels. Its scale differs from
            the short side's by at most half of it.
        resize: As for :func:`square_image`.

    Returns:
        Tensor with shape (3, h, w), from 0 to 1.
    """
    height, width = image.shape[:2]
    long = max(1, round(side * max(height, width) / min(height, width) / multiple)) * multiple
    size = (side, long) if height <= width else (long, side)
    if resize == "bilinear":
        return _smooth(image, size)
    return torch.from_numpy(np.ascontiguousarray(nearest_pixels(image, size).transpose(2, 0, 1)))


def _smooth(image: Image, size: tuple[int, int]) -> torch.Tensor:
    """Bilinear with antialiasing; shape (3, *size), from 0 to 1."""
    pixels = functional.interpolate(
        torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None],
        size=size,
        mode="bilinear",
        align_corners=False,
        antialias=True,
    )
    return pixels[0].clamp(0, 1)


def nearest_pixels(array: NDArray[Number], size: tuple[int, int]) -> NDArray[Number]:
    """An array at another size; each pixel is the one with the nearest centre.

    Args:
        array: Array whose first axes are height and width.
        size: Height and width of the result.
    """
    rows, columns = _nearest(array.shape[0], size[0]), _nearest(array.shape[1], size[1])
    pixels: NDArray[Number] = array[np.ix_(rows, columns)]
    return pixels


def is_same_view(size: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether two images of these sizes have the same proportions, up to rounding."""
    across, down = size[0] * other[1], size[1] * other[0]
    return abs(across - down) <= SAME_VIEW * max(across, down)


def square_label(label: Label, *, side: int) -> Label:
    """The same square of a label, resized to the pixels with the nearest centres.

    Args:
        label: Classes with shape (h, w).
        side: Side of the result, pixels.

    Returns:
        Classes with shape (h, w), h = w.
    """
    return _nearest_square(label, side)


def _nearest_square(array: NDArray[Number], side: int) -> NDArray[Number]:
    size = _resized(array.shape[0], array.shape[1], side)
    box = _centre_box(size, side)
    rows = _nearest(array.shape[0], size[0])[box.top : box.top + side]
    columns = _nearest(array.shape[1], size[1])[box.left : box.left + side]
    square: NDArray[Number] = array[np.ix_(rows, columns)]
    return square


def _resized(height: int, width: int, side: int) -> tuple[int, int]:
    """Sides after resizing the short one to ``side``; the long one is rounded down."""
    if height <= width:
        return side, side * width // height
    return side * height // width, side


def _centre_box(size: tuple[int, int], side: int) -> Box:
    # Python's round takes halves to the even neighbour, like the crop of the published code.
    top, left = (round((length - side) / 2) for length in size)
    return Box(top=top, left=left, height=side, width=side)


def _nearest(source: int, target: int) -> NDArray[np.int64]:
    """Source index of each target pixel: the one that contains (i + 1/2) * source / target.

    The sum is accumulated step by step as in Pillow, so that the same pixel is chosen where the
    position is at the border of two, up to rounding (one column in ten for 1024 to 320).
    """
    steps = np.full(target, source / target)
    steps[0] /= 2
    return np.minimum(np.cumsum(steps).astype(np.int64), source - 1)
