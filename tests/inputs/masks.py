"""Rows: labels of other bits, channels and palettes, by number and by colour."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from tests.fakes.data_sets.pictures import grey_png, save
from tests.inputs.copies import Copy
from tests.inputs.described import described
from tests.inputs.table import Cell, Edit, Row, everywhere, refused, used
from trainer.datasets.decoding import read_stored

__all__ = ["ROWS"]

#: Of the folder data set: no class, then its three classes.
COLOURS = np.array([[0, 0, 0], [80, 60, 40], [60, 160, 60], [200, 60, 60]], dtype=np.uint8)
INDICES = np.array([40, 7, 11, 21], dtype=np.uint8)  # numbers in place of 0 to 3
STRANGE = 240  # a number that is no class anywhere

Write = Callable[[Path, NDArray[Any]], None]


def written(write: Write) -> Edit:
    """The first label is written in another form."""

    def edit(copy: Copy) -> Iterable[str]:
        path = copy.files["label"][0]
        write(path, read_stored(path))
        return (path.name,)

    return edit


def every(write: Write, suffix: str = ".png") -> Edit:
    """Every label is written in another form."""

    def edit(copy: Copy) -> Iterable[str]:
        paths = [path.with_suffix(suffix) for path in copy.files["label"]]
        for path, other in zip(copy.files["label"], paths, strict=True):
            label = read_stored(path)
            path.unlink()
            write(other, label)
        return [path.name for path in paths]

    return edit


def few_bits(bits: int) -> Write:
    """Grey of 1, 2 or 4 bits per pixel."""

    def write(path: Path, label: NDArray[Any]) -> None:
        path.write_bytes(grey_png(label, bits))

    return write


def capital_array(path: Path, label: NDArray[Any]) -> None:
    """An array whose extension is in capitals."""
    save(path.with_suffix(".npy"), label)
    path.with_suffix(".npy").rename(path)


def indexed(path: Path, label: NDArray[Any], colours: NDArray[np.uint8] = COLOURS) -> None:
    """A palette's indices."""
    image = PIL.Image.fromarray(label)
    image.putpalette(np.resize(colours, (256, 3)).ravel().tolist())  # so that it has 8 bits
    image.save(path)


def other_indices(path: Path, label: NDArray[Any]) -> None:
    """Indices that differ from the label numbers, with the right colours."""
    colours = np.zeros((256, 3), dtype=np.uint8)
    colours[INDICES] = COLOURS
    indexed(path, INDICES[label], colours)


def strange(path: Path, label: NDArray[Any]) -> None:
    """An unknown number in place of 0."""
    save(path, np.where(label == 0, STRANGE, label).astype(np.uint8))


def coloured(path: Path, label: NDArray[Any]) -> None:
    """Colours of the palette."""
    save(path, COLOURS[label % len(COLOURS)])


def off_colour(path: Path, label: NDArray[Any]) -> None:
    """One pixel has a colour missing from the palette."""
    colours = COLOURS[label]
    colours[0, 0] = (1, 2, 3)
    save(path, colours)


def transparent(path: Path, label: NDArray[Any]) -> None:
    """Colours, and transparent pixels where there is no class."""
    save(path, np.dstack([COLOURS[label], np.where(label == 0, 0, 255).astype(np.uint8)]))


def grey_three_times(path: Path, label: NDArray[Any]) -> None:
    """Numbers saved as RGB."""
    save(path, np.repeat(label[:, :, None], 3, axis=2))


def two_classes(path: Path, label: NDArray[Any]) -> None:
    """No other numbers than 0 and 1."""
    save(path, label.clip(max=1))


OTHER_KIND = refused("bits instead of .*: give the original file, or convert it")
NO_NUMBER = refused("but this data set has only .*: give the data set's own label files")
FILES = 'files = "labels/{name}.png"'
NO_CLASS = "ignore = [0]"
BLACK = f"{NO_CLASS}\nignore_colours = [[0, 0, 0]]"


def by_folder(given: str, changes: dict[str, str], edit: Edit, cell: Cell | None = None) -> Row:
    """A row that only a description can define."""
    return Row(given=given, edit=described(changes, edit), cells={"folder": cell or used()})


ROWS = (
    Row(
        given="a label of 16 bits",
        edit=written(lambda path, label: save(path, label.astype(np.uint16))),
        cells=everywhere(OTHER_KIND, "predict", folder=used()),
    ),
    Row(
        given="a label of 1 bit",
        prepare=every(two_classes),
        edit=written(few_bits(1)),
        cells=everywhere(OTHER_KIND, "predict", folder=used()),
    ),
    *(
        Row(
            given=f"a label of {bits} bits",
            edit=written(few_bits(bits)),
            cells=everywhere(OTHER_KIND, "predict", folder=used()),
        )
        for bits in (2, 4)
    ),
    Row(
        given="a label with a palette",
        edit=written(indexed),
        cells=everywhere(used(), "predict"),
    ),
    Row(
        given="a label with a number outside the classes",
        edit=written(strange),
        cells=everywhere(
            NO_NUMBER,
            "predict",
            folder=refused(
                "do(es)? not belong to this data set .*: set labels.numbers .*or labels.others"
            ),
        ),
    ),
    by_folder(
        'a label with a number outside the classes, `others = "ignore"`',
        {NO_CLASS: f'{NO_CLASS}\nothers = "ignore"'},
        written(strange),
    ),
    by_folder(
        "labels with a palette of other indices",
        {},
        every(other_indices),
        refused(
            "do(es)? not belong to this data set .*: set labels.numbers to the stored numbers"
        ),
    ),
    by_folder(
        "labels with a palette of other indices, `numbers`",
        {f"first = 1\n{NO_CLASS}": "numbers = [7, 11, [21, 22]]\nignore = [40]"},
        every(other_indices),
    ),
    by_folder(
        'labels with a palette of other indices, `encoding = "colour"`',
        {NO_CLASS: f'{BLACK}\nencoding = "colour"'},
        every(other_indices),
    ),
    Row(
        given="a label in colour",
        edit=written(coloured),
        cells=everywhere(
            OTHER_KIND,
            "predict",
            folder=refused(
                "missing from the palette.*labels.ignore_colours, or set labels.others"
            ),
        ),
    ),
    by_folder(
        "a label in colour, black is no class, `ignore_colours`",
        {NO_CLASS: BLACK},
        written(coloured),
    ),
    by_folder("a label in colour, transparent without a class", {}, written(transparent)),
    by_folder(
        "a label in colour, of which one is not in the palette",
        {NO_CLASS: BLACK},
        written(off_colour),
        refused(r"1 pixel of 1 colour missing from the palette, most often \[1, 2, 3\]"),
    ),
    by_folder(
        "labels in colour as JPEG",
        {FILES: 'files = "labels/{name}.jpg"', NO_CLASS: BLACK},
        every(coloured, ".jpg"),
        refused("JPEG changes colours: give the original PNG"),
    ),
    by_folder(
        'numbers saved as RGB, `encoding = "number"`',
        {NO_CLASS: f'{NO_CLASS}\nencoding = "number"'},
        written(grey_three_times),
    ),
    by_folder(
        'colours, `encoding = "number"`',
        {NO_CLASS: f'{NO_CLASS}\nencoding = "number"'},
        written(coloured),
        refused("set labels.encoding to 'colour'"),
    ),
    by_folder(
        "labels in `.npy`",
        {FILES: 'files = "labels/{name}.npy"'},
        every(lambda path, label: save(path, label.astype(np.int64)), ".npy"),
    ),
    by_folder(
        "labels in `.NPY`",
        {FILES: 'files = "labels/{name}.npy"'},
        every(capital_array, ".NPY"),
    ),
)
