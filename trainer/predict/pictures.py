"""Saving predictions: masks for programs, overlays for people."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import PIL.Image

from trainer.datasets.base import Image, Label
from trainer.errors import DataError
from trainer.figures.colour import overlay

__all__ = ["write_legend", "write_pictures"]

MASKS, OVERLAYS, LEGEND = "masks", "overlays", "classes.json"


def write_pictures(
    out: Path, stem: str, image: Image, label: Label, palette: Sequence[tuple[int, int, int]]
) -> None:
    """Write ``masks/STEM.png`` and ``overlays/STEM.png``.

    Args:
        out: Folder of the two folders, which are created if needed.
        stem: Name of the image.
        image: The main modality's image with shape (h, w, 3), from 0 to 1.
        label: Index of every pixel with shape (h, w): the numbers of the mask, which has a
            palette to be viewed.
        palette: One RGB colour per index.

    Raises:
        DataError: If they cannot be written.
    """
    mask = PIL.Image.fromarray(label)
    mask.putpalette([part for colour in palette for part in colour])
    _save(mask, out / MASKS / f"{stem}.png")
    _save(PIL.Image.fromarray(overlay(image, label, palette)), out / OVERLAYS / f"{stem}.png")


def write_legend(out: Path, content: Mapping[str, Any]) -> None:
    """Write ``classes.json``: the meaning of the numbers in the masks.

    Args:
        out: Folder that contains the masks' folder.
        content: Plain data.

    Raises:
        DataError: If it cannot be written.
    """
    path = out / LEGEND
    with _writing(path):
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _save(picture: PIL.Image.Image, path: Path) -> None:
    with _writing(path):
        picture.save(path)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise DataError(
            f"cannot write {path} ({error.strerror}): free space or give another folder by --out"
        ) from error
