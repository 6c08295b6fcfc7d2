"""Small files for made-up data sets: noise by name, and PNG files that Pillow cannot write."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

HEIGHT, WIDTH = 32, 48


def noise(
    name: str, low: int, high: int, dtype: Any = np.uint8, *, channels: int = 1
) -> NDArray[Any]:
    """Whole numbers from ``low`` to ``high``, different for each name."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    shape = (HEIGHT, WIDTH) if channels == 1 else (HEIGHT, WIDTH, channels)
    return rng.integers(low, high + 1, shape).astype(dtype)


def waves(name: str) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    """Sine and cosine of one noisy angle."""
    angle = noise(name, 0, 999, np.float64) * (2 * np.pi / 1000)
    return np.sin(angle).astype(np.float16), np.cos(angle).astype(np.float16)


def save(path: Path, array: NDArray[Any]) -> None:
    """Write an image or an ``.npy`` file, with its folders; 16-bit colour as well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, array)
    elif array.ndim == 3 and array.dtype == np.uint16:
        path.write_bytes(wide_png(array))
    else:
        PIL.Image.fromarray(array).save(path)


def wide_png(colour: NDArray[np.uint16]) -> bytes:
    """An RGB or RGBA PNG of 16 bits per channel; rows use the first three PNG filters in turn."""
    height, width, channels = colour.shape
    rows = colour.astype(">u2").view(np.uint8).reshape(height, -1)
    coded, pixel = bytearray(), 2 * channels
    for index, row in enumerate(rows):
        kind = index % 3
        before = np.zeros_like(row)
        if kind == 1:  # minus the pixel to the left
            before[pixel:] = row[:-pixel]
        elif kind == 2:  # minus the pixel above
            before = rows[index - 1]
        coded += bytes([kind]) + (row - before).tobytes()
    return _png(width, height, 16, 2 if channels == 3 else 6, bytes(coded))


def grey_png(label: NDArray[np.uint8], bits: int) -> bytes:
    """A PNG of few bits per pixel, which Pillow does not write; rows are filled to whole bytes."""
    cells = (label[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1
    packed = np.packbits(cells.reshape(len(label), -1).astype(np.uint8), axis=1)
    rows = b"".join(b"\0" + row.tobytes() for row in packed)
    return _png(label.shape[1], label.shape[0], bits, 0, rows)


def write_list(path: Path, *names: str) -> None:
    """A split file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


def link(path: Path, original: Path) -> None:
    """Link a file to another path, without copying it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(original.resolve())


def _png(width: int, height: int, bits: int, colour: int, rows: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, data) for kind, data in chunks)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def truncate(path: Path) -> None:
    """Keep only the first half of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
