"""Files that Pillow reads wrongly are refused; all others hold what was written."""

import struct
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.datasets.decoding import read_stored
from trainer.errors import DataError

FORMATS = {"u": 1, "i": 2, "f": 3}
UNCOMPRESSED, DEFLATE = 1, 8
SHORT, LONG = 3, 4


def write_tiff(path: Path, numbers: NDArray[Any], *, big: bool, compressed: bool) -> None:
    """A TIFF with a plane of these numbers, in one strip."""
    order: Literal[">", "<"] = ">" if big else "<"
    height, width = numbers.shape
    pixels = numbers.astype(numbers.dtype.newbyteorder(order)).tobytes()
    strip = zlib.compress(pixels) if compressed else pixels
    tags = {
        256: width,
        257: height,
        258: 8 * numbers.itemsize,
        259: DEFLATE if compressed else UNCOMPRESSED,
        262: 1,
        273: 8,
        277: 1,
        278: height,
        279: len(strip),
        339: FORMATS[numbers.dtype.kind],
    }
    content = (b"MM\0*" if big else b"II*\0") + struct.pack(f"{order}I", 8 + len(strip)) + strip
    content += struct.pack(f"{order}H", len(tags))
    for tag, value in tags.items():
        is_long = tag in (273, 279)
        packed = struct.pack(f"{order}I" if is_long else f"{order}Hxx", value)
        content += struct.pack(f"{order}HHI", tag, LONG if is_long else SHORT, 1) + packed
    path.write_bytes(content + bytes(4))


def numbers(kind: str) -> NDArray[Any]:
    dtype = np.dtype(kind)
    if dtype.kind == "f":
        return np.linspace(-3, 3, 48, dtype=dtype).reshape(6, 8)
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    return np.linspace(low, min(high, 2**31 - 1), 48).astype(dtype).reshape(6, 8)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2", "u4", "i4", "f2", "f4", "f8", "i8"])
def test_a_tiff_is_read_as_it_was_written_or_refused_in_one_line(
    kind: str, compressed: bool, big: bool, tmp_path: Path
) -> None:
    path = tmp_path / "plane.tif"
    write_tiff(path, numbers(kind), big=big, compressed=compressed)
    try:
        stored = read_stored(path)
    except DataError as error:
        assert kind not in ("u1", "u2"), "these are common"
        assert str(path) in str(error) and "\n" not in str(error)
        assert "save" in str(error)
    else:
        assert np.array_equal(stored, numbers(kind))


@pytest.mark.parametrize("kind", ["u1", "u2", "i2", "u4", "i4", "f4"])
@pytest.mark.parametrize("compressed", [False, True])
def test_little_endian_tiffs_are_read(kind: str, compressed: bool, tmp_path: Path) -> None:
    path = tmp_path / "plane.tif"
    write_tiff(path, numbers(kind), big=False, compressed=compressed)
    assert np.array_equal(read_stored(path), numbers(kind))


def test_large_unsigned_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "plane.tif"
    write_tiff(path, np.array([[1, 2**31]], np.uint32), big=False, compressed=True)
    with pytest.raises(DataError, match="has numbers from 2147483648 on, which cannot be read"):
        read_stored(path)


def test_grey_with_alpha_of_16_bits_is_refused(tmp_path: Path) -> None:
    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    path = tmp_path / "grey.png"
    head = struct.pack(">IIBBBBB", 4, 2, 16, 4, 0, 0, 0)
    rows = zlib.compress((b"\0" + bytes(4 * 4)) * 2)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )
    with pytest.raises(DataError, match="grey and alpha of 16 bits cannot be read: save grey"):
        read_stored(path)
