"""A feature cache on disk: arrays and a manifest that says what they are.

Checksums are taken while writing. Opening compares the manifest's own checksum and every
file's size, which finds what is truncated or missing in no time; with ``verify="all"`` every
byte is read and compared as well, with ``verify="small"`` those of a bank of up to 64 MiB.
``trainer.features.prepare`` says who asks for which.
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
    "ArrayRecord",
    "ArrayWriter",
    "BankWriter",
    "Verify",
    "is_sound",
    "read_bank",
    "read_manifest",
]

FORMAT = 1
SMALL = 64 * 2**20  # bytes that are read through in a few hundredths of a second
PIECE = 2**20  # bytes read at a time

#: How closely a bank is looked at when it is opened.
Verify = Literal["sizes", "small", "all"]


@dataclass(frozen=True, kw_only=True)
class ArrayRecord:
    """What the manifest says of an array."""

    #: Size of its file, bytes.
    size: int
    #: Hash of its file.
    checksum: str


class ArrayWriter:
    """Appends rows to an ``.npy`` file whose final shape is known, and hashes them.

    Writes through a file rather than a memory map: on a full disk a write to a map kills
    the process, a write to a file is an error that can be told.
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
        """Bring the file to the disk."""
        assert self._rows == self.shape[0], (self._rows, self.shape)
        with writing(self.path.parent):
            self._file.flush()
            os.fsync(self._file.fileno())
            size = self._file.tell()
            self._file.close()
        return ArrayRecord(size=size, checksum=self._hash.hexdigest())

    def close(self) -> None:
        """Let go of the file, whether it is finished or not."""
        with contextlib.suppress(OSError):  # a full disk refuses the rest of the buffer again
            self._file.close()


class _Hashing:
    """A file for writing that hashes what passes."""

    def __init__(self, file: BinaryIO, digest: "hashlib.blake2b") -> None:
        self._file, self._digest = file, digest

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        return self._file.write(data)


@dataclass(kw_only=True)
class BankWriter:
    """Writes the arrays of a bank, then its manifest."""

    folder: Path
    _open: dict[str, ArrayWriter] = field(default_factory=dict)
    _records: dict[str, ArrayRecord] = field(default_factory=dict)

    def begin(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> ArrayWriter:
        """Start an array; :meth:`finish` ends it."""
        self._open[name] = ArrayWriter(self.folder / f"{name}.npy", shape, dtype)
        return self._open[name]

    def finish(self) -> None:
        """End the arrays that were begun."""
        for name, writer in self._open.items():
            self._records[name] = writer.finish()
        self._open.clear()

    def write(self, name: str, array: NDArray[Any]) -> None:
        """Write a whole array."""
        self.begin(name, array.shape, array.dtype).append(array)
        self.finish()

    def take(self, name: str, file: Path, record: ArrayRecord) -> None:
        """Have a whole array that lies in another file: linked, or copied where that cannot be.

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
        """Write the manifest: the bank is complete.

        Args:
            description: Plain data that :func:`read_bank` gives back.
        """
        arrays = {name: asdict(record) for name, record in self._records.items()}
        content = {"format": FORMAT, "arrays": arrays, "description": dict(description)}
        text = json.dumps({**content, "checksum": hash_json(content)}, indent=1)
        with writing(self.folder), (self.folder / MANIFEST).open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())

    def __enter__(self) -> "BankWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for writer in self._open.values():
            writer.close()


def read_bank(
    folder: Path, *, verify: Verify = "sizes", progress: Callable[[int, int], None] | None = None
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Map the arrays of a complete bank.

    Args:
        folder: Folder of the bank.
        verify: ``sizes`` compares sizes; ``all`` reads every byte; ``small`` does so where
            the bank is small.
        progress: Called while reading with the MiB that were compared, and of how many.

    Returns:
        Read-only arrays by name, and the description they were sealed with.

    Raises:
        CacheError: If anything is missing or not as it was written.
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
    """What the manifest of a bank says: ``arrays`` and ``description``.

    Raises:
        CacheError: If it is missing, damaged or of another format.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        checksum = content.pop("checksum")
        sound = hash_json(content) == checksum
    except (OSError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise _damaged(folder, f"its {MANIFEST} cannot be read") from error
    if not sound:
        raise _damaged(folder, f"its {MANIFEST} is not as it was written")
    if content["format"] != FORMAT:
        raise _damaged(folder, f"it has format {content['format']} instead of {FORMAT}")
    return dict(content)


def is_sound(folder: Path, name: str, record: ArrayRecord) -> bool:
    """Whether an array of a bank is as it was written; reads all of it."""
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
            raise _damaged(folder, f"{name}.npy is not as it was written")


def _map(folder: Path, name: str) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise _damaged(folder, f"{name}.npy cannot be mapped") from error
    return array


def _damaged(folder: Path, what: str) -> CacheError:
    return CacheError(
        f"the feature cache {folder} is damaged ({what}): delete that folder, it is built again"
    )
