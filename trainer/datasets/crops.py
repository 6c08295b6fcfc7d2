"""Crops and resizing of images and labels (specification 2.12, 2.15 and 7).

Coordinates are (top, left) in pixels. Shape letters: H W pixels of the source, R the side
of the square that comes out.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch.nn import functional

from trainer.datasets.base import Image, Label

__all__ = ["Box", "crop_boxes", "five_crop_boxes", "square_image", "square_label"]


@dataclass(frozen=True, kw_only=True)
class Box:
    """A rectangle of pixels."""

    top: int
    left: int
    height: int
    width: int

    def cut(self, array: np.ndarray) -> np.ndarray:
        """The view of ``array`` (height and width first) inside the box."""
        return array[self.top : self.top + self.height, self.left : self.left + self.width]


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
    """The boxes a training image is cut into."""
    if crop == "five":
        return five_crop_boxes(height, width)
    return (Box(top=0, left=0, height=height, width=width),)


def square_image(
    image: Image, *, side: int, resize: Literal["bilinear", "nearest"]
) -> torch.Tensor:
    """Resize the short side to ``side`` and cut the centre square.

    Args:
        image: Image with shape (H, W, 3).
        side: Side of the result, pixels.
        resize: ``bilinear`` filters while it shrinks (antialiased), ``nearest`` takes the
            pixel whose centre is nearest, as the released code does for images as well.

    Returns:
        Tensor with shape (3, R, R), from 0 to 1.
    """
    pixels = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]
    size = _resized(pixels.shape[2], pixels.shape[3], side)
    if resize == "bilinear":
        pixels = functional.interpolate(
            pixels, size=size, mode="bilinear", align_corners=False, antialias=True
        ).clamp(0, 1)
    else:
        pixels = functional.interpolate(pixels, size=size, mode="nearest-exact")
    box = _centre_box(size, side)
    return pixels[0, :, box.top : box.top + side, box.left : box.left + side]


def square_label(label: Label, *, side: int) -> Label:
    """The same square of a label, always by the pixel whose centre is nearest.

    Args:
        label: Classes with shape (H, W).
        side: Side of the result, pixels.

    Returns:
        Classes with shape (R, R).
    """
    size = _resized(label.shape[0], label.shape[1], side)
    box = _centre_box(size, side)
    rows = _nearest(label.shape[0], size[0])[box.top : box.top + side]
    columns = _nearest(label.shape[1], size[1])[box.left : box.left + side]
    square: Label = label[np.ix_(rows, columns)]
    return square


def _resized(height: int, width: int, side: int) -> tuple[int, int]:
    """Sides after the short one became ``side``; the long one is rounded down."""
    if height <= width:
        return side, side * width // height
    return side * height // width, side


def _centre_box(size: tuple[int, int], side: int) -> Box:
    # Python's round takes halves to the even neighbour, as the released crop does.
    top, left = (round((length - side) / 2) for length in size)
    return Box(top=top, left=left, height=side, width=side)


def _nearest(source: int, target: int) -> np.ndarray:
    """Source index of each target pixel: floor((i + 1/2) * source / target), in integers."""
    return (2 * np.arange(target) + 1) * source // (2 * target)
