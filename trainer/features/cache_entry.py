"""An entry of the feature cache on disk: arrays and a manifest that describes them.

Checksums are computed while writing. Opening an entry compares the manifest's own checksum and
the size of each file, which quickly finds truncated and missing files. ``verify="all"`` also
compares every byte, ``verify="small"`` only does so for entries of up to 64 MiB.
``trainer.features.prepare`` explains which is used where.
"""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from trainer.errors import CacheError
from trainer.features.cache import MANIFEST, hash_json, writing

__all__ = [
    "MAPS",
    "ArrayRecord",
    "ArrayWriter",
    "EntryWriter",
    "Verify",
    "is_sound",
    "read_entry",
    "read_manifest",
]

FORMAT = 1
SMALL = 64 * 2**20  # bytes; read in a few hundredths of a second
PIECE = 2**20  # bytes read at a time

#: Where the description of an entry lists its maps besides the features, if it has any.
MAPS = "maps"

#: How closely an entry is checked when it is opened.
Verify = Literal["sizes", "small", "all"]


@dataclass(frozen=True, kw_only=True)
class ArrayRecord:
    """Size and checksum of an array, from the manifest."""

    #: Bytes of the array's file.
    size: int
    #: Hash of the array's file.
    checksum: str


class ArrayWriter:
    """Appends rows to an ``.npy`` file whose final shape is known, and hashes them.

    Writes through a file rather than a memory map: on a full disk, writing to a map kills the
    process, whereas writing to a file raises an error that can be reported.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        self.path, self.shape, self.dtype = path, shape, np.dtype(dtype)
        self._rows = 0
        self._hash = hashlib.blake2b(digest_size=16)
        with writing(path.parent):
            self._file: BinaryIO = path.open("wb")
            header = {
                "descr": np.lib.format.dtype_to_descr(self.dtype),
                "fortran_order": False,
                "shape": shape,
            }
            np.lib.format.write_array_header_1_0(_Hashing(self._file, self._hash), header)

    def append(self, rows: NDArray[Any]) -> None:
        """Write some rows.

        Raises:
            CacheError: If the disk is full.
        """
        assert rows.shape[1:] == self.shape[1:], (rows.shape, self.shape)
        data = np.ascontiguousarray(rows, dtype=self.dtype).tobytes()
        with writing(self.path.parent):
            self._file.write(data)
        self._hash.update(data)
        self._rows += len(rows)

    def finish(self) -> ArrayRecord:
        """Flush the file to disk and close it."""
        assert self._rows == self.shape[0], (self._rows, self.shape)
        with writing(self.path.parent):
            self._file.flush()
            os.fsync(self._file.fileno())
            size = self._file.tell()
            self._file.close()
        return ArrayRecord(size=size, checksum=self._hash.hexdigest())

    def close(self) -> None:
        """Close the file, whether it is finished or not."""
        with contextlib.suppress(OSError):  # flushing the buffer to a full disk fails again
            self._file.close()


class _Hashing:
    """A file for writing that hashes the data."""

    def __init__(self, file: BinaryIO, digest: "hashlib.blake2b") -> None:
        self._file, self._digest = file, digest

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        return self._file.write(data)


@dataclass(kw_only=True)
class EntryWriter:
    """Writes the arrays of a cache entry, then its manifest."""

    folder: Path
    _open: dict[str, ArrayWriter] = field(default_factory=dict)
    _records: dict[str, ArrayRecord] = field(default_factory=dict)

    def begin(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> ArrayWriter:
        """Start an array; :meth:`finish` ends it."""
        self._open[name] = ArrayWriter(self.folder / f"{name}.npy", shape, dtype)
        return self._open[name]

    def finish(self) -> None:
        """Finish all arrays that were begun."""
        for name, writer in self._open.items():
            self._records[name] = writer.finish()
        self._open.clear()

    def write(self, name: str, array: NDArray[Any]) -> None:
        """Write a whole array."""
        self.begin(name, array.shape, array.dtype).append(array)
        self.finish()

    def take(self, name: str, file: Path, record: ArrayRecord) -> None:
        """Add an array from another file, by a hard link, or a copy if links are not possible.

        Raises:
            CacheError: If the disk is full, or the file is gone.
        """
        own = self.folder / f"{name}.npy"
        with writing(self.folder):
            try:
                own.hardlink_to(file)
            except OSError:  # another disk, or a file system without links
                shutil.copyfile(file, own)
        self._records[name] = record

    def seal(self, description: Mapping[str, Any]) -> None:
        """Write the manifest, which completes the entry.

        Args:
            description: Plain data that :func:`read_entry` returns.
        """
        arrays = {name: asdict(record) for name, record in self._records.items()}
        content = {"format": FORMAT, "arrays": arrays, "description": dict(description)}
        text = json.dumps({**content, "checksum": hash_json(content)}, indent=1)
        with writing(self.folder), (self.folder / MANIFEST).open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())

    def __enter__(self) -> "EntryWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for writer in self._open.values():
            writer.close()


def read_entry(
    folder: Path, *, verify: Verify = "sizes", progress: Callable[[int, int], None] | None = None
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Memory-map the arrays of a complete entry.

    Args:
        folder: Folder of the entry.
        verify: ``sizes`` compares sizes; ``all`` compares every byte; ``small`` does so if the
            entry is small.
        progress: Called while reading, with the MiB compared so far and their total.

    Returns:
        Read-only arrays by name, and the description given to :meth:`EntryWriter.seal`.

    Raises:
        CacheError: If anything is missing or differs from what was written.
    """
    content = read_manifest(folder)
    arrays, total = {}, 0
    for name, record in content["arrays"].items():
        _check_size(folder, name, record["size"])
        total += record["size"]
    if verify == "all" or (verify == "small" and total <= SMALL):
        _check_contents(folder, content["arrays"], total, progress)
    for name in content["arrays"]:
        arrays[name] = _map(folder, name)
    return arrays, content["description"]


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of an entry, with ``arrays`` and ``description``.

    Raises:
        CacheError: If it is missing, damaged or has another format.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        checksum = content.pop("checksum")
        sound = hash_json(content) == checksum
    except (OSError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise _damaged(folder, f"its {MANIFEST} cannot be read") from error
    if not sound:
        raise _damaged(folder, f"its {MANIFEST} does not match its checksum")
    if content["format"] != FORMAT:
        raise _damaged(folder, f"it has format {content['format']} instead of {FORMAT}")
    return dict(content)


def is_sound(folder: Path, name: str, record: ArrayRecord) -> bool:
    """Whether an array of a cache entry is as it was written; reads all of it."""
    try:
        _check_size(folder, name, record.size)
        _check_contents(folder, {name: asdict(record)}, record.size, None)
    except CacheError:
        return False
    return True


def _check_size(folder: Path, name: str, size: int) -> None:
    try:
        actual = (folder / f"{name}.npy").stat().st_size
    except OSError as error:
        raise _damaged(folder, f"{name}.npy is missing") from error
    if actual != size:
        raise _damaged(folder, f"{name}.npy has {actual} bytes instead of {size}")


def _check_contents(
    folder: Path,
    records: Mapping[str, Mapping[str, Any]],
    total: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    done = 0
    for name, record in records.items():
        digest = hashlib.blake2b(digest_size=16)
        try:
            with (folder / f"{name}.npy").open("rb") as file:
                while piece := file.read(PIECE):
                    digest.update(piece)
                    done += len(piece)
                    if progress is not None and total > SMALL:
                        progress(done // 2**20, total // 2**20)
        except OSError as error:
            raise _damaged(folder, f"{name}.npy cannot be read") from error
        if digest.hexdigest() != record["checksum"]:
            raise _damaged(folder, f"{name}.npy does not match its checksum")


def _map(folder: Path, name: str) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise _damaged(folder, f"{name}.npy cannot be memory-mapped") from error
    return array


def _damaged(folder: Path, fault: str) -> CacheError:
    return CacheError(
        f"the feature cache {folder} is damaged ({fault}): delete that folder to build it again"
    )
