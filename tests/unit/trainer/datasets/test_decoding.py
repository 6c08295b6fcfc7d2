from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from tests.fakes.data_sets.pictures import save
from trainer.datasets.decoding import (
    label_table,
    read_array,
    read_integers,
    read_label,
    read_rgb,
    read_stored,
    unit_range,
)
from trainer.datasets.headers import read_kind, read_size
from trainer.errors import DataError

RNG = np.random.default_rng(0)
WIDE = RNG.integers(0, 65536, (9, 5, 3)).astype(np.uint16)


def test_16_bit_colour_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    save(path, WIDE)

    assert np.array_equal(read_integers(path, channels=3, bits=(16,)), WIDE)
    assert np.array_equal(read_stored(path), WIDE)
    assert np.array_equal(read_rgb(path), WIDE.astype(np.float32) / np.float32(65535))
    assert np.array_equal(read_rgb(path, convert=True), read_rgb(path))
    # the result of Pillow alone
    assert np.array_equal(np.asarray(PIL.Image.open(path)), WIDE >> 8)


def test_cmyk_is_colour_in_other_coordinates(tmp_path: Path) -> None:
    colour = PIL.Image.fromarray((WIDE >> 8).astype(np.uint8))
    path = tmp_path / "print.tif"
    colour.convert("CMYK").save(path)

    assert read_kind(path) == (3, 8)
    assert np.array_equal(read_stored(path), np.asarray(colour))
    assert np.array_equal(read_rgb(path), unit_range(np.asarray(colour)))


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P"])
def test_other_kinds_of_colour_are_converted_only_if_asked(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "image.png"
    colour = PIL.Image.fromarray((WIDE >> 8).astype(np.uint8))
    colour.convert(mode).save(path)

    assert read_rgb(path, convert=True).shape == (9, 5, 3)
    with pytest.raises(
        DataError, match=r"instead of 3 channels of 8 or 16 bits: give the original file"
    ):
        read_rgb(path)


def test_16_bit_grey_is_never_accepted_as_colour(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    save(path, WIDE[:, :, 0])

    assert np.array_equal(read_integers(path, channels=1, bits=(16,)), WIDE[:, :, 0])
    with pytest.raises(DataError, match="1 channel of 16 bits"):
        read_rgb(path, convert=True)


def test_a_label_in_a_palette_image_is_its_index(tmp_path: Path) -> None:
    path = tmp_path / "label.png"
    label = RNG.integers(0, 3, (6, 7)).astype(np.uint8)
    image = PIL.Image.new("P", (7, 6))
    image.putpalette([200, 10, 10, 10, 200, 10, 10, 10, 200])
    image.putdata(label.ravel().tolist())
    image.save(path, bits=2)

    assert np.array_equal(read_label(path, label_table({0: 0, 1: 1, 2: 2})), label)


def test_a_refused_label_is_reported_with_the_known_ones(tmp_path: Path) -> None:
    path = tmp_path / "label.png"
    save(path, np.array([[0, 1], [7, 255]], dtype=np.uint8))

    assert read_label(path, label_table({0: 255, 1: 0, 7: 1, 255: 255})).tolist() == [
        [255, 0],
        [1, 255],
    ]
    with pytest.raises(
        DataError, match=r"label 7 in row 1, column 0, but this data set has only 0 to 2, 255:"
    ):
        read_label(path, label_table({0: 0, 1: 1, 2: 2, 255: 255}))


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int32, np.uint8, bool])
def test_arrays_of_any_number_are_read(tmp_path: Path, dtype: type) -> None:
    path = tmp_path / "array.npy"
    array: NDArray[Any] = RNG.integers(0, 2, (3, 4)).astype(dtype)
    np.save(path, array)

    assert np.array_equal(read_array(path), array.astype(np.float32))
    assert read_array(path).dtype == np.float32
    assert read_size(path) == (4, 3)


def test_an_array_in_column_order_has_the_same_rows(tmp_path: Path) -> None:
    path = tmp_path / "array.npy"
    array = np.asfortranarray(RNG.normal(size=(3, 4)))
    np.save(path, array)

    assert np.array_equal(read_array(path), array.astype(np.float32))


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.array([["a"]]), r"has the shape \(1, 1\), not height x width"),
        (np.array([[object()]]), "cannot decode the array"),
        (np.zeros((2, 2, 2)), r"has the shape \(2, 2, 2\), not height x width"),
        (np.array([[1.0, np.inf]]), "1 values that are not finite, .*row 0, column 1"),
        (np.array([[1e300]]), "not finite"),  # beyond float32
    ],
)
def test_an_array_that_is_not_a_plane_of_numbers_is_refused(
    tmp_path: Path, array: np.ndarray, said: str
) -> None:
    path = tmp_path / "array.npy"
    np.save(path, array, allow_pickle=True)

    with pytest.raises(DataError, match=said) as caught:
        read_array(path)
    assert "array.npy" in str(caught.value) and "\n" not in str(caught.value)
