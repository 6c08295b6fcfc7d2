"""Damaged and wrong files, one row each: refused in one line that names the file.

A new data set adds its rows to :data:`BAD_FILES`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from tests.fakes.data_sets import MAKERS
from tests.fakes.data_sets.pictures import save, truncate
from trainer.datasets import open_dataset
from trainer.errors import DataError


@dataclass(frozen=True)
class BadFile:
    """One fault of one file."""

    data_set: str
    #: The file, under the root of the data set's first layout.
    path: str
    #: Function that damages it.
    damage: Callable[[Path], None]
    #: Part of the message in addition to the file's name.
    said: str


def to_channels(path: Path, mode: str) -> None:
    """The same size with other channels."""
    with PIL.Image.open(path) as image:
        size = image.size
    PIL.Image.new(mode, size).save(path)


def to_bits(path: Path, bits: int) -> None:
    """The same image with 8 instead of 16 bits, or vice versa."""
    stored = np.asarray(PIL.Image.open(path))
    save(path, (stored >> 8).astype(np.uint8) if bits == 8 else stored.astype(np.uint16))


def put_nan(path: Path) -> None:
    array = np.load(path)
    array[2, 3] = np.nan
    np.save(path, array)


def put_label(path: Path, label: int) -> None:
    stored = np.array(PIL.Image.open(path))
    stored[2, 3] = label
    save(path, stored)


def scale(path: Path, factor: float) -> None:
    np.save(path, np.load(path) * factor)


def to_one_dimension(path: Path) -> None:
    np.save(path, np.load(path).ravel())


def to_archive(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, array=np.zeros((32, 48)))


def cut_a_row(path: Path) -> None:
    save(path, np.asarray(PIL.Image.open(path))[:-1])


def empty(path: Path) -> None:
    path.write_text("\n  \n", encoding="utf-8")


def append(path: Path, line: str) -> None:
    path.write_text(path.read_text() + line + "\n", encoding="utf-8")


TRUNCATED = "cannot decode the image"
FRAME = "train/bonn/bonn_000001_000019"

CITYSCAPES = [
    BadFile("cityscapes", f"leftImg8bit/{FRAME}_leftImg8bit.png", truncate, TRUNCATED),
    BadFile(
        "cityscapes",
        f"leftImg8bit/{FRAME}_leftImg8bit.png",
        partial(to_channels, mode="L"),
        "1 channel of 8 bits instead of 3 channels of 8 or 16 bits",
    ),
    BadFile(
        "cityscapes",
        f"disparity/{FRAME}_disparity.png",
        partial(to_bits, bits=8),
        "1 channel of 8 bits instead of 1 channel of 16 bits",
    ),
    BadFile(
        "cityscapes",
        f"gtFine/{FRAME}_gtFine_labelIds.png",
        partial(put_label, label=34),
        "the label 34 in row 2, column 3, .*0 to 33, 255",
    ),
    BadFile("cityscapes", f"disparity/{FRAME}_disparity.png", Path.unlink, "has no matching file"),
]

MFNET = [
    BadFile("mfnet", "images/00001D.png", truncate, TRUNCATED),
    BadFile(
        "mfnet",
        "images/00001D.png",
        partial(to_channels, mode="RGB"),
        "3 channels of 8 bits instead of 4 channels of 8 bits",
    ),
    BadFile("mfnet", "images/00003N.png", Path.unlink, "val.txt has '00003N' but there is no"),
    BadFile("mfnet", "labels/00002D.png", Path.unlink, "train.txt has '00002D' but there is"),
    BadFile("mfnet", "labels/00002D.png", truncate, TRUNCATED),
    BadFile("mfnet", "labels/00002D.png", cut_a_row, "48 x 31 pixels but its image .*00002D"),
    BadFile(
        "mfnet",
        "labels/00002D.png",
        partial(to_bits, bits=16),
        "1 channel of 16 bits instead of 1 channel of 8 bits",
    ),
    BadFile(
        "mfnet",
        "labels/00002D.png",
        partial(to_channels, mode="1"),
        "1 channel of 1 bits instead of 1 channel of 8 bits",
    ),
    BadFile(
        "mfnet",
        "labels/00002D.png",
        partial(put_label, label=9),
        r"the label 9 in row 2, column 3, but this data set has only 0 to 8:",
    ),
    BadFile("mfnet", "train.txt", empty, "is empty"),
    BadFile("mfnet", "train.txt", Path.unlink, "cannot read the split file"),
    BadFile("mfnet", "train.txt", partial(append, line="00002D"), "in line 3 and again in line 4"),
    BadFile("mfnet", "train.txt", partial(append, line="00009D"), "has '00009D' but there is no"),
    BadFile("mfnet", "test.txt", partial(append, line="00002D"), "train.txt names '00002D'"),
    BadFile("mfnet", "test.txt", partial(append, line="00002D_flip"), "the same image"),
]

MCUBES = [
    BadFile("mcubes", "polL_color/scene1_0001.png", truncate, TRUNCATED),
    BadFile(
        "mcubes",
        "polL_color/scene1_0001.png",
        partial(to_channels, mode="L"),
        "1 channel of 8 bits instead of 3 channels of 8 or 16 bits",
    ),
    BadFile(
        "mcubes",
        "NIR_warped/scene1_0001.png",
        partial(to_bits, bits=8),
        "1 channel of 8 bits instead of 1 channel of 16 bits",
    ),
    BadFile("mcubes", "polL_dolp/scene1_0002.npy", put_nan, "1 values .* row 2, column 3"),
    BadFile("mcubes", "polL_aolp_sin/scene1_0002.npy", put_nan, "1 values .* row 2, column 3"),
    BadFile("mcubes", "polL_aolp_cos/scene1_0002.npy", truncate, "cannot decode the array"),
    BadFile("mcubes", "polL_aolp_cos/scene1_0002.npy", to_archive, "cannot decode the array"),
    BadFile(
        "mcubes",
        "polL_aolp_cos/scene1_0002.npy",
        to_one_dimension,
        r"has the shape \(1536,\), not height x width",
    ),
    BadFile("mcubes", "polL_aolp_cos/scene1_0002.npy", partial(scale, factor=3.0), "sine or"),
    BadFile("mcubes", "polL_aolp_cos/scene2_0001.npy", Path.unlink, "'scene2_0001' but there is"),
    BadFile("mcubes", "GT/scene2_0001.png", partial(put_label, label=20), "0 to 19, 255"),
    BadFile("mcubes", "list_folder/val.txt", empty, "is empty"),
    BadFile("mcubes", "list_folder/test.txt", partial(append, line="x"), "has 'x' but there is"),
]

FOLDER = [
    BadFile("folder", "colour/a_1.png", truncate, TRUNCATED),
    BadFile(
        "folder",
        "colour/a_1.png",
        partial(to_channels, mode="RGBA"),
        "4 channels of 8 bits instead of 3 channels of 8 bits",
    ),
    BadFile(
        "folder",
        "a_2/thermal.png",
        partial(to_bits, bits=8),
        "1 channel of 8 bits instead of 1 channel of 16 bits",
    ),
    BadFile("folder", "height/b_1.npy", put_nan, "1 values .* row 2, column 3"),
    BadFile("folder", "labels/c_1.png", partial(put_label, label=4), r"\(0 to 3\)"),
    BadFile("folder", "lists/val.txt", empty, "is empty"),
    BadFile("folder", "lists/val.txt", partial(append, line="x"), "has 'x' but there is no file"),
    BadFile("folder", "lists/val.txt", partial(append, line="a_1"), "train.txt names 'a_1'"),
    BadFile("folder", "angle/b_1.npy", Path.unlink, "has 'b_1' but there is no file"),
]

BAD_FILES = [*CITYSCAPES, *MFNET, *MCUBES, *FOLDER]


@pytest.mark.parametrize("bad", BAD_FILES, ids=lambda bad: f"{bad.data_set} {bad.path} {bad.said}")
def test_refused_in_one_line_that_names_the_file(bad: BadFile, tmp_path: Path) -> None:
    layout = next(iter(MAKERS[bad.data_set].LAYOUTS.values()))
    config = layout(tmp_path)
    bad.damage(tmp_path / bad.path)

    with pytest.raises(DataError, match=bad.said) as caught:
        open_dataset(config).source.check()

    assert "\n" not in str(caught.value)
    if "matching" not in bad.said:  # then it names the file that has no matching file
        assert Path(bad.path).name in str(caught.value)
