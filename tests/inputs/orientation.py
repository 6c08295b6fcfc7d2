"""Rows: pictures with an EXIF orientation."""

import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.fakes.data_sets.pictures import png_chunk, save
from tests.inputs.copies import Copy, Kind
from tests.inputs.table import Edit, Row, everywhere, refused, said, used
from trainer.datasets.decoding import read_stored

__all__ = ["ROWS", "STORED", "write_tagged"]

#: Orientation to the pixels that a camera stores for a picture.
STORED: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    1: lambda seen: seen,
    2: np.fliplr,
    3: lambda seen: np.rot90(seen, 2),
    4: np.flipud,
    5: lambda seen: seen.swapaxes(0, 1),
    6: lambda seen: np.rot90(seen, 1),
    7: lambda seen: np.rot90(seen, 2).swapaxes(0, 1),
    8: lambda seen: np.rot90(seen, -1),
}
HEADER_ENDS = 33  # bytes of a PNG's signature and its first chunk
LAST_CHUNK = 12  # bytes


def write_tagged(path: Path, seen: NDArray[Any], orientation: int, *, late: bool = False) -> None:
    """Write a picture like a camera, as PNG whatever the extension.

    Args:
        path: The file.
        seen: Pixels as they are to be seen.
        orientation: 1 to 8.
        late: Whether the tag follows the pixels.
    """
    draft = path.with_name(f"{path.stem}.draft.png")
    save(draft, np.ascontiguousarray(STORED[orientation](seen)))
    content = draft.read_bytes()
    draft.unlink()
    tags = struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    place = len(content) - LAST_CHUNK if late else HEADER_ENDS
    path.write_bytes(content[:place] + png_chunk(b"eXIf", tags) + content[place:])


def tagged(kind: Kind, orientation: int, *, late: bool = False) -> Edit:
    """Every file of a kind is stored turned, with a tag."""

    def edit(copy: Copy) -> Iterable[str]:
        for path in copy.files[kind]:
            write_tagged(path, read_stored(path), orientation, late=late)
        return ()

    return edit


def contradiction(copy: Copy) -> Iterable[str]:
    """Both modalities are stored sideways, but only RGB has a tag."""
    tagged("rgb", 6)(copy)
    for path in copy.files["second"] or copy.files["label"]:
        save(path, np.ascontiguousarray(STORED[6](read_stored(path))))
    return [path.name for paths in copy.files.values() for path in paths]


def damaged(copy: Copy) -> Iterable[str]:
    """The tags are invalid."""
    for path in copy.files["rgb"]:
        write_tagged(path, read_stored(path), 1)
        content = path.read_bytes()
        begin = content.index(b"eXIf")
        length = struct.unpack(">I", content[begin - 4 : begin])[0]
        path.write_bytes(
            content[: begin - 4] + png_chunk(b"eXIf", b"II") + content[begin + 8 + length :]
        )
    return ()


TURNED = "turned as their EXIF orientation says: .*rgb"

ROWS = (
    Row(given="RGB, EXIF orientation 1", edit=tagged("rgb", 1), cells=everywhere(used())),
    *(
        Row(
            given=f"RGB, EXIF orientation {orientation}",
            edit=tagged("rgb", orientation),
            cells=everywhere(said(rf"{TURNED} \({orientation}\)")),
        )
        for orientation in range(2, 9)
    ),
    Row(
        given="RGB, EXIF orientation 6 behind the pixels",
        edit=tagged("rgb", 6, late=True),
        cells=everywhere(said(TURNED)),
    ),
    Row(
        given="another modality, EXIF orientation 8",
        edit=tagged("second", 8),
        cells=everywhere(said("turned as their EXIF orientation says"), "cocostuff27", "mfnet"),
    ),
    Row(
        given="labels, EXIF orientation 3",
        edit=tagged("label", 3),
        cells=everywhere(said(r"turned as their EXIF orientation says: .*label \(3\)"), "predict"),
    ),
    Row(
        given="stored sideways, with a tag in RGB alone",
        edit=contradiction,
        cells=everywhere(refused("has the EXIF orientation 6.*(turn|bring)")),
    ),
    Row(given="RGB, damaged EXIF tags", edit=damaged, cells=everywhere(used())),
)
