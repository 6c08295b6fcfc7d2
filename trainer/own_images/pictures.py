"""Predictions as files: masks that programs read, overlays that people look at."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from trainer.datasets.base import Image, Label
from trainer.errors import DataError
from trainer.figures.colour import overlay

__all__ = ["write_pictures"]

MASKS, OVERLAYS = "masks", "overlays"  # folders


def write_pictures(
    out: Path, stem: str, image: Image, label: Label, palette: Sequence[tuple[int, int, int]]
) -> None:
    """Write ``masks/STEM.png`` and ``overlays/STEM.png``.

    Args:
        out: Where the two folders are, or are made.
        stem: Name of the image.
        image: The anchor's image with shape (H, W, 3), from 0 to 1.
        label: Index of every pixel with shape (H, W): the numbers of the mask, whose palette
            colours them for the eye.
        palette: One RGB colour an index.

    Raises:
        DataError: If they cannot be written.
    """
    mask = PIL.Image.fromarray(label)
    mask.putpalette([part for colour in palette for part in colour])
    _save(mask, out / MASKS / f"{stem}.png")
    _save(_picture(overlay(image, label, palette)), out / OVERLAYS / f"{stem}.png")


def _picture(colours: NDArray[np.uint8]) -> PIL.Image.Image:
    return PIL.Image.fromarray(colours)


def _save(picture: PIL.Image.Image, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)
    except OSError as error:
        raise DataError(
            f"cannot write {path} ({error.strerror}): free space or give another folder by --out"
        ) from error
