"""A hash of the images of a data set, equal on every machine that has the same files.

It covers the content of every file. A file is read once; later, it counts as unchanged if its
size and modification time are the same.

It also covers EXIF orientations other than upright, since images are rotated by them, which
earlier versions did not do. A data set without such orientations keeps its earlier hash.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from trainer.datasets import DataSet
from trainer.datasets.exif import UPRIGHT
from trainer.datasets.headers import read_orientation
from trainer.errors import DataError
from trainer.features.cache import hash_json, writing

__all__ = ["Digest", "data_fingerprint", "file_digests"]

#: A file's size, its modification time in nanoseconds, the hash of its content, and its EXIF
#: orientation, 0 if that is not known yet.
Digest = tuple[int, int, str, int]
UNKNOWN = 0


def data_fingerprint(
    data_set: DataSet, root: Path, progress: Callable[[str, int, int], None]
) -> str:
    """Hash of the splits and of everything that determines the images.

    Args:
        data_set: The data set.
        root: Folder of the cache, where digests of files are stored.
        progress: Called with the name of a step, how much of it is done, and its total.

    Raises:
        DataError: If a file cannot be read.
        CacheError: If the digests cannot be stored.
    """
    splits = (data_set.train, data_set.val, data_set.test)
    digests = file_digests(data_set, root, progress)
    orientations = {name: each[3] for name, each in digests.items() if each[3] != UPRIGHT}
    return hash_json(
        {
            "identity": dict(data_set.identity),
            "splits": [dataclasses.asdict(split) for split in splits],
            "files": {name: each[2] for name, each in digests.items()},
            **({"orientations": orientations} if orientations else {}),
        }
    )


def file_digests(
    data_set: DataSet, root: Path, progress: Callable[[str, int, int], None]
) -> dict[str, Digest]:
    """The digest of each file, by its path under the data set's root.

    Args:
        data_set: The data set.
        root: Folder of the cache, where digests of files are remembered.
        progress: Called with the name of a step, how much of it is done, and its total.

    Raises:
        DataError: If a file cannot be read.
        CacheError: If the digests cannot be stored.
    """
    files = data_set.source.files()
    if not files:
        return {}
    assert data_set.root is not None, "files are under a root"
    memo = root / "digests" / f"{hash_json(str(data_set.root.resolve()))}.json"
    known = _read_memo(memo)
    digests: dict[str, Digest] = {}
    for done, path in enumerate(files):
        name = path.relative_to(data_set.root).as_posix()
        digests[name] = _digest(path, known.get(name))
        if digests[name][:3] != known.get(name, ())[:3]:
            progress("hash files", done + 1, len(files))
    if any(known.get(name) != digest for name, digest in digests.items()):
        _write_memo(memo, {**known, **digests})
    return digests


def _digest(path: Path, known: Digest | None) -> Digest:
    try:
        status = path.stat()
        if known is not None and known[:2] == (status.st_size, status.st_mtime_ns):
            return known if known[3] != UNKNOWN else (*known[:3], _orientation(path))
        with path.open("rb") as file:
            content = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16))
    except OSError as error:
        raise DataError(f"cannot read {path} ({error.strerror}): check its permissions") from error
    return status.st_size, status.st_mtime_ns, content.hexdigest(), _orientation(path)


def _orientation(path: Path) -> int:
    return read_orientation(path, late=True, ours=True)


def _read_memo(path: Path) -> dict[str, Digest]:
    """The stored digests; empty if they are damaged, since they can be computed again."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        return {
            name: (int(size), int(time), str(digest), int(turned[0]) if turned else UNKNOWN)
            for name, (size, time, digest, *turned) in table.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _write_memo(path: Path, digests: dict[str, Digest]) -> None:
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(digests), encoding="utf-8")
        draft.replace(path)
