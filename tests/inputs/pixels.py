"""Rows: bits, channels, palettes, sizes and numbers that are none."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from tests.fakes.data_sets.pictures import save
from tests.inputs.copies import Copy, Kind
from tests.inputs.table import Edit, Row, everywhere, refused, used
from trainer.datasets.decoding import read_stored

__all__ = ["ROWS"]


def stored(kind: Kind, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Edit:
    """The first file of a kind holds other numbers."""

    def edit(copy: Copy) -> Iterable[str]:
        path = copy.files[kind][-1]
        draft = path.with_name("draft.png")
        save(draft, change(read_stored(path)))
        draft.rename(path)
        return (path.name,)

    return edit


def converted(mode: str) -> Edit:
    """The first RGB file is of another mode."""

    def edit(copy: Copy) -> Iterable[str]:
        path = copy.files["rgb"][0]
        with PIL.Image.open(path) as image:
            other = image.convert("RGB").convert(mode)
        other.save(path, format="PNG")
        return (path.name,)

    return edit


def with_nan(copy: Copy) -> Iterable[str]:
    """One number of an array is none."""
    path = sorted(copy.root.rglob("*.npy"))[0]
    array = np.load(path).astype(np.float32)
    array[2, 3] = np.nan
    np.save(path, array)
    return (path.name,)


OTHER_KIND = refused("where .* should be: give the original file, or convert it")

ROWS = (
    Row(
        given="RGB of 16 bits",
        edit=stored("rgb", lambda array: array.astype(np.uint16) * 257),
        cells=everywhere(
            used(), "mcubes", folder=OTHER_KIND, mfnet=OTHER_KIND, predict=OTHER_KIND
        ),
    ),
    Row(
        given="RGB that is grey",
        edit=converted("L"),
        same=False,
        cells=everywhere(OTHER_KIND, cocostuff27=used()),
    ),
    Row(
        given="RGB with a palette",
        edit=converted("P"),
        same=False,
        cells=everywhere(OTHER_KIND, cocostuff27=used()),
    ),
    Row(
        given="RGB with alpha",
        edit=converted("RGBA"),
        same=False,
        cells=everywhere(OTHER_KIND, "mfnet", cocostuff27=used()),
    ),
    Row(
        given="another modality of another size",
        edit=stored("second", lambda array: array[:-1]),
        cells=everywhere(refused("pixels.*: bring them to one size"), "cocostuff27", "mfnet"),
    ),
    Row(
        given="a label of another size",
        edit=stored("label", lambda array: array[:-1]),
        cells=everywhere(refused("pixels.*: bring them to one size"), "predict"),
    ),
    Row(
        given="a label of 16 bits",
        edit=stored("label", lambda array: array.astype(np.uint16)),
        cells=everywhere(OTHER_KIND, "predict"),
    ),
    Row(
        given="NaN in an `.npy` file",
        edit=with_nan,
        cells={
            "folder": refused("not finite.*: fill them or remove the image"),
            "mcubes": refused("not finite.*: fill them or remove the image"),
        },
    ),
)
