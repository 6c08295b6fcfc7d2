"""Label images in common formats are read as described or refused in one line."""

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from tests.fakes.data_sets.pictures import grey_png
from trainer.datasets.masks import MaskRules, read_mask
from trainer.errors import DataError

LABEL = np.random.default_rng(0).integers(0, 3, (7, 9)).astype(np.uint8)
PALETTE = ((120, 80, 50), (60, 160, 60), (200, 90, 60))
COLOURS = np.array(PALETTE, dtype=np.uint8)
NUMBERS = MaskRules(numbers=((0,), (1,), (2,)), ignored=(255,))
COLOURED = MaskRules(numbers=((0,), (1,), (2,)), colours=PALETTE)


def refusal(path: Path, rules: MaskRules) -> str:
    with pytest.raises(DataError) as caught:
        read_mask(path, rules)
    text = str(caught.value)
    assert text.startswith(str(path)) and "\n" not in text
    return text


def save(path: Path, pixels: NDArray[Any], mode: str | None = None) -> Path:
    image = PIL.Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path)
    return path


def palette_png(path: Path, indices: NDArray[np.uint8], colours: NDArray[np.uint8]) -> Path:
    image = PIL.Image.fromarray(indices)
    image.putpalette(colours.ravel().tolist())
    image.save(path)
    return path


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_grey_of_few_bits_keeps_its_numbers(tmp_path: Path, bits: int) -> None:
    label = LABEL if bits > 1 else LABEL.clip(max=1)

    (tmp_path / "a.png").write_bytes(grey_png(label, bits))

    assert np.array_equal(read_mask(tmp_path / "a.png", NUMBERS), label)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: save(path.with_suffix(".png"), LABEL.astype(np.uint16)),
        lambda path: save(path.with_suffix(".tif"), LABEL.astype(np.uint16)),
        lambda path: save(path.with_suffix(".tif"), LABEL.astype(np.int32)),
        lambda path: palette_png(path.with_suffix(".png"), LABEL, COLOURS),
        lambda path: save(path.with_suffix(".png"), LABEL, "LA"),
    ],
)
def test_numbers_of_other_kinds_of_files(write: Callable[[Path], Path], tmp_path: Path) -> None:
    assert np.array_equal(read_mask(write(tmp_path / "mask"), NUMBERS), LABEL)


def test_numbers_in_an_array_file(tmp_path: Path) -> None:
    path = tmp_path / "mask.npy"
    np.save(path, LABEL.astype(np.int64))
    assert np.array_equal(read_mask(path, NUMBERS), LABEL)

    np.save(path, LABEL.astype(np.float32))
    assert "holds float32 of shape (7, 9)" in refusal(path, NUMBERS)
    np.save(path, -LABEL.astype(np.int16))
    assert "of the labels -2, -1" in refusal(path, NUMBERS)
    path = save(tmp_path / "mask.tif", LABEL.astype(np.float32))
    assert "holds float32 of shape (7, 9)" in refusal(path, NUMBERS)


def test_a_two_coloured_image_is_zero_and_one(tmp_path: Path) -> None:
    path = save(tmp_path / "mask.png", LABEL > 0)

    assert np.array_equal(read_mask(path, NUMBERS), (LABEL > 0).astype(np.uint8))


def test_16_bit_numbers_can_be_classes(tmp_path: Path) -> None:
    stored = np.array([300, 26001, 65535], dtype=np.uint16)[LABEL]
    path = save(tmp_path / "mask.png", stored)

    rules = MaskRules(numbers=((300,), (26001,)), ignored=(65535,))
    assert np.array_equal(read_mask(path, rules), np.where(LABEL == 2, 255, LABEL))
    message = refusal(path, NUMBERS)
    assert f"has {LABEL.size} pixels of the labels 300, 26001, 65535" in message
    assert "labels.numbers" in message and "(0 to 2, 255)" in message


def test_several_indices_can_map_to_one_class(tmp_path: Path) -> None:
    indices = np.array([7, 11, 200], dtype=np.uint8)[LABEL]
    path = palette_png(tmp_path / "mask.png", indices, np.zeros((256, 3), dtype=np.uint8))

    rules = MaskRules(numbers=((11,), (7, 200)))
    assert np.array_equal(read_mask(path, rules), (LABEL != 1).astype(np.uint8))


@pytest.mark.parametrize("alpha", [False, True])
def test_colours_are_classes_by_the_palette(tmp_path: Path, alpha: bool) -> None:
    path = save(tmp_path / "mask.png", COLOURS[LABEL], "RGBA" if alpha else None)

    assert np.array_equal(read_mask(path, COLOURED), LABEL)


def test_transparent_pixels_have_no_class(tmp_path: Path) -> None:
    pixels = np.concatenate([COLOURS[LABEL], np.full((7, 9, 1), 255, dtype=np.uint8)], axis=2)
    pixels[2, 3] = (1, 2, 3, 0)  # the colour of a transparent pixel is ignored

    label = read_mask(save(tmp_path / "mask.png", pixels), COLOURED)

    assert label[2, 3] == 255 and (np.delete(label, 2 * 9 + 3) == np.delete(LABEL, 21)).all()


def test_a_colour_missing_from_the_palette_is_reported_with_its_count(tmp_path: Path) -> None:
    pixels = COLOURS[LABEL]
    pixels[1, 2:5] = (9, 8, 7)
    pixels[6, 0] = (1, 1, 1)
    path = save(tmp_path / "mask.png", pixels)

    message = refusal(path, COLOURED)
    assert "has 4 pixels of 2 colours missing from the palette, most often [9, 8, 7]" in message
    assert (
        "(3 pixels, first in row 1, column 2)" in message
        and "labels.others to 'ignore'" in message
    )

    ignoring = MaskRules(numbers=NUMBERS.numbers, colours=PALETTE, others_ignored=True)
    expected = LABEL.copy()
    expected[1, 2:5] = expected[6, 0] = 255
    assert np.array_equal(read_mask(path, ignoring), expected)
    named = MaskRules(numbers=(), colours=PALETTE, ignored_colours=((9, 8, 7), (1, 1, 1)))
    assert np.array_equal(read_mask(path, named), expected)


def test_a_jpeg_is_reported_as_lossy(tmp_path: Path) -> None:
    path = save(tmp_path / "mask.jpg", COLOURS[LABEL])

    assert "JPEG changes colours: give the original PNG" in refusal(path, COLOURED)


def test_a_palette_image_is_read_by_its_colours_on_request(tmp_path: Path) -> None:
    turned = np.array([2, 0, 1])  # the file's palette is in another order
    path = palette_png(
        tmp_path / "mask.png", np.argsort(turned)[LABEL].astype(np.uint8), COLOURS[turned]
    )
    by_colour = MaskRules(numbers=(), colours=PALETTE, encoding="colour")

    assert np.array_equal(read_mask(path, by_colour), LABEL)
    assert not np.array_equal(read_mask(path, COLOURED), LABEL)


def test_numbers_saved_as_colours_are_read_on_request(tmp_path: Path) -> None:
    path = save(tmp_path / "mask.png", LABEL, "RGB")
    by_number = MaskRules(numbers=NUMBERS.numbers, encoding="number")

    assert np.array_equal(read_mask(path, by_number), LABEL)
    assert "set labels.encoding to 'number' if" in refusal(path, NUMBERS)
    coloured = save(tmp_path / "coloured.png", COLOURS[LABEL])
    assert "holds colours, but labels.encoding = 'number'" in refusal(coloured, by_number)


def test_colours_without_a_palette_name_the_setting(tmp_path: Path) -> None:
    message = refusal(save(tmp_path / "mask.png", COLOURS[LABEL]), NUMBERS)

    assert "there is no palette for them: write palette = [[R, G, B], ...]" in message


def test_a_palette_with_a_repeated_colour_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "mask.png", COLOURS[LABEL])
    rules = MaskRules(numbers=(), colours=(*PALETTE, PALETTE[1]))

    assert "gives [60, 160, 60] to two classes" in refusal(path, rules)


def test_colours_of_16_bits_are_refused(tmp_path: Path) -> None:
    from tests.fakes.data_sets.pictures import save as save_any

    path = tmp_path / "mask.png"
    save_any(path, COLOURS[LABEL].astype(np.uint16))

    assert "has 3 channels of 16 bits" in refusal(path, COLOURED)


def test_every_pair_of_colours_is_distinguished(tmp_path: Path) -> None:
    """Also those that differ in one bit of one channel, and the first and last of all."""
    ends = (0, 1, 254, 255)
    corners = tuple(itertools.product(ends, ends, ends))
    label = np.arange(len(corners), dtype=np.uint8).reshape(8, 8)
    path = save(tmp_path / "mask.png", np.array(corners, dtype=np.uint8)[label])

    assert np.array_equal(read_mask(path, MaskRules(numbers=(), colours=corners)), label)


@pytest.mark.parametrize("key", [1, 9])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_number_declared_transparent_has_no_class(tmp_path: Path, key: int, dtype: Any) -> None:
    stored = np.where(LABEL == 1, key, LABEL).astype(dtype)
    PIL.Image.fromarray(stored).save(tmp_path / "a.png", transparency=key)

    expected = np.where(LABEL == 1, 255, LABEL)
    assert np.array_equal(read_mask(tmp_path / "a.png", NUMBERS), expected)


@pytest.mark.parametrize("key", [PALETTE[1], (1, 2, 3)])
def test_a_colour_declared_transparent_has_no_class(
    tmp_path: Path, key: tuple[int, int, int]
) -> None:
    colours = np.where((LABEL == 1)[:, :, None], key, COLOURS[LABEL]).astype(np.uint8)
    PIL.Image.fromarray(colours).save(tmp_path / "a.png", transparency=key)

    expected = np.where(LABEL == 1, 255, LABEL)
    assert np.array_equal(read_mask(tmp_path / "a.png", COLOURED), expected)


def test_transparent_pixels_of_a_palette_have_no_class_where_colours_are_read(
    tmp_path: Path,
) -> None:
    """The colour of the transparent entry is no class, and another one is hidden as well."""
    colours = np.concatenate([COLOURS[:2], [[9, 9, 9]]]).astype(np.uint8)
    image = PIL.Image.fromarray(LABEL)
    image.putpalette(colours.ravel().tolist())
    image.save(tmp_path / "a.png", transparency=bytes([255, 0, 0]))
    rules = dataclasses.replace(COLOURED, encoding="colour")

    found = read_mask(tmp_path / "a.png", rules)

    assert np.array_equal(found, np.where(LABEL == 0, 0, 255))


@pytest.mark.parametrize("stored", [np.int8, np.int16, np.int64])
def test_a_negative_number_may_stand_for_no_class(stored: type, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", LABEL.astype(stored) - 1)
    rules = MaskRules(numbers=((0,), (1,)), ignored=(-1,))

    assert np.array_equal(read_mask(tmp_path / "a.npy", rules), LABEL.astype(int) - 1 & 255)
    assert "the label -1" in refusal(tmp_path / "a.npy", dataclasses.replace(rules, ignored=()))
