"""Rows: bits, channels, bands, palettes, sizes, and values that are not finite."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from tests.fakes.data_sets.pictures import save
from tests.inputs.copies import Copy, Kind
from tests.inputs.described import described
from tests.inputs.table import Edit, Row, everywhere, refused, said, used
from trainer.datasets.decoding import read_stored
from trainer.datasets.headers import SUBFILE_TYPE

__all__ = ["ROWS"]

Change = Callable[[NDArray[Any]], NDArray[Any]]


def stored(kind: Kind, change: Change, *, every: bool = False) -> Edit:
    """One or all files of a kind have other numbers."""

    def edit(copy: Copy) -> Iterable[str]:
        paths = copy.files[kind] if every else copy.files[kind][-1:]
        for path in paths:
            draft = path.with_name("draft.png")
            save(draft, change(read_stored(path)))
            draft.rename(path)
        return [path.name for path in paths]

    return edit


def converted(mode: str, *, every: bool = False) -> Edit:
    """The first or all RGB files have another mode."""

    def edit(copy: Copy) -> Iterable[str]:
        paths = copy.files["rgb"] if every else copy.files["rgb"][:1]
        for path in paths:
            with PIL.Image.open(path) as image:
                other = image.convert("RGB").convert(mode)
            other.save(path, format="PNG")
        return [path.name for path in paths]

    return edit


def paged(copy: Copy) -> Iterable[str]:
    """The last RGB file has a second page."""
    path = copy.files["rgb"][-1]
    with PIL.Image.open(path) as image:
        image.save(path, format="TIFF", save_all=True, append_images=[image.copy()])
    return (path.name,)


def with_overview(copy: Copy) -> Iterable[str]:
    """The last RGB file has a smaller copy of itself, as maps do."""
    path = copy.files["rgb"][-1]
    with PIL.Image.open(path) as image:
        smaller = image.reduce(2)
        smaller.encoderinfo = {"tiffinfo": {SUBFILE_TYPE: 1}}
        image.save(path, format="TIFF", save_all=True, append_images=[smaller])
    return (path.name,)


def array_with(*places: tuple[int | slice, int | slice]) -> Edit:
    """An array has values that are not finite."""

    def edit(copy: Copy) -> Iterable[str]:
        path = sorted(copy.root.rglob("*.npy"))[-1]
        array = np.load(path).astype(np.float32)
        for place in places:
            array[place] = np.nan
        np.save(path, array)
        return (path.name,)

    return edit


def in_one_file(copy: Copy) -> Iterable[str]:
    """Colour and heat are bands of one PNG of 16 bits."""
    for path, heat in zip(copy.files["rgb"], copy.files["second"], strict=True):
        colour = read_stored(path).astype(np.uint16) * np.uint16(257)
        save(path, np.dstack([colour, read_stored(heat)]))
    return [path.name for path in copy.files["rgb"]]


def wide(array: NDArray[Any]) -> NDArray[Any]:
    """8 bits as 16 of the same meaning."""
    return array.astype(np.uint16) * np.uint16(257)


def doubled(array: NDArray[Any]) -> NDArray[Any]:
    """Each pixel four times."""
    return array.repeat(2, axis=0).repeat(2, axis=1)


def shortened(array: NDArray[Any]) -> NDArray[Any]:
    """Without the last of the rows."""
    return array[: -(len(array) // 8)]


OTHER_KIND = refused("bits instead of .*: give the original file, or convert it")
BAND_SETTINGS = {
    'files = "colour/{name}.png"': 'files = "colour/{name}.png"\nbits = 16\nband = [0, 1, 2]',
    'files = "{name}/thermal.png"': 'files = "colour/{name}.png"\nband = 3',
}
HEIGHT = 'files = "height/{name}.npy"'
COLOUR = 'files = "colour/{name}.png"'
THERMAL = 'files = "{name}/thermal.png"'
OTHER_SIZE = "pixels.*: (bring them to one size|it shows another view; cut both to the same part)"

ROWS = (
    Row(
        given="RGB as a TIFF of two pages",
        edit=paged,
        cells=everywhere(refused("has 2 pages: save each page as a file of its own")),
    ),
    Row(
        given="RGB of 8 bits as a TIFF with a smaller copy of itself",
        edit=with_overview,
        cells=everywhere(used(), "mcubes"),
    ),
    Row(
        given="RGB of 16 bits",
        edit=stored("rgb", wide),
        cells=everywhere(
            used(), "mcubes", folder=OTHER_KIND, mfnet=OTHER_KIND, predict=OTHER_KIND
        ),
    ),
    Row(
        given="RGB of 16 bits, `bits = 16`",
        edit=described({COLOUR: f"{COLOUR}\nbits = 16"}, stored("rgb", wide, every=True)),
        cells={"folder": used()},
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
        cells=everywhere(OTHER_KIND, "mfnet", cocostuff27=used()),
    ),
    Row(
        given="RGB with alpha, `band = [0, 1, 2]`",
        edit=described({COLOUR: f"{COLOUR}\nband = [0, 1, 2]"}, converted("RGBA")),
        cells={"folder": used()},
    ),
    Row(
        given="modalities that are bands of one file, `band`",
        edit=described(BAND_SETTINGS, in_one_file),
        cells={"folder": used()},
    ),
    Row(
        given="a missing band",
        edit=described(
            {COLOUR: f"{COLOUR}\nband = [1, 2, 3]"}, stored("rgb", np.array, every=True)
        ),
        cells={
            "folder": refused("has 3 bands, but modalities.rgb.band.*: give a band that exists")
        },
    ),
    Row(
        given="another modality of another size",
        edit=stored("second", shortened),
        cells=everywhere(refused(OTHER_SIZE), "cocostuff27", "mfnet"),
    ),
    Row(
        given='another modality of another size, `other_size = "nearest"`',
        edit=described(
            {THERMAL: f'{THERMAL}\nother_size = "nearest"'}, stored("second", doubled, every=True)
        ),
        cells={
            "folder": said("thermal takes its nearest pixels if its size differs from that of rgb")
        },
    ),
    Row(
        given='another modality of other proportions, `other_size = "nearest"`',
        edit=described(
            {THERMAL: f'{THERMAL}\nother_size = "nearest"'}, stored("second", shortened)
        ),
        cells={"folder": refused("pixels.*it shows another view; cut both")},
    ),
    Row(
        given="a label of another size",
        edit=stored("label", shortened),
        cells=everywhere(refused("pixels.*: bring them to one size"), "predict"),
    ),
    Row(
        given="NaN in an `.npy` file",
        edit=array_with((2, 3)),
        cells={
            "folder": refused("not finite.*: set modalities.height.holes to 'larger'"),
            "mcubes": refused("not finite.*: fill them or remove the image"),
        },
    ),
    Row(
        given='NaN in an `.npy` file, `holes = "larger"`',
        edit=described({HEIGHT: f'{HEIGHT}\nholes = "larger"'}, array_with((2, 3))),
        same=False,
        cells={"folder": used()},
    ),
    Row(
        given='an `.npy` file of NaN alone, `holes = "larger"`',
        edit=described(
            {HEIGHT: f'{HEIGHT}\nholes = "larger"'}, array_with((slice(None), slice(None)))
        ),
        cells={"folder": refused("has no measured pixel: remove the image")},
    ),
    Row(
        given="0 where nothing was measured, `hole_values = [0]`",
        edit=described(
            {THERMAL: f'{THERMAL}\nholes = "larger"\nhole_values = [0]'},
            stored("second", lambda array: np.where(array % 3, array, 0).astype(array.dtype)),
        ),
        same=False,
        cells={"folder": used()},
    ),
)
