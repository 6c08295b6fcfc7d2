"""The feature cache: one folder per entry, named by a hash of what it was made from.

An entry is complete or absent. It is built under another name, its manifest last, and renamed
when everything is on disk. The building process holds a lock that the kernel releases when the
process ends. So two processes do the work only once, and the next one removes what a killed one
left behind.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trainer.config.paths import user_path
from trainer.console.sizes import bytes_text
from trainer.errors import CacheError

__all__ = [
    "ENTRIES",
    "LOCK",
    "MANIFEST",
    "PARTIAL",
    "SPARE",
    "Use",
    "build_once",
    "cache_root",
    "check_space",
    "free_space",
    "hash_json",
    "hold",
    "writing",
]

MANIFEST = "manifest.json"
ENTRIES = "banks"  # subfolder that holds the entries
LOCK, PARTIAL = ".lock", ".partial"  # suffixes of the lock and of an entry being built
VARIABLE = "UMSS_CACHE"
SPARE = 64 * 2**20  # bytes that must stay free


def cache_root(cache: Path | None) -> Path:
    """The folder of the cache: the given one, that of the environment, or the user's own.

    Raises:
        CacheError: If neither was given and the user has no home folder.
    """
    if cache is not None:
        return cache
    if os.environ.get(VARIABLE):
        return user_path(os.environ[VARIABLE])
    import platformdirs  # lazily: not needed if the folder is given

    try:
        return Path(platformdirs.user_cache_dir("unim2-search"))
    except RuntimeError as error:  # neither HOME nor the passwd file names a folder
        raise CacheError(
            "this account has no home folder for the feature cache (HOME is not an absolute path"
            f" and the passwd file has no entry): give --cache FOLDER or set {VARIABLE}"
        ) from error


def hash_json(value: Any) -> str:
    """Hash of plain data, the same for equal data: 32 hexadecimal digits."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def build_once(
    root: Path, key: str, *, build: Callable[[Path], None], waits: Callable[[], None]
) -> tuple[Path, bool]:
    """Return the complete folder of a key; build it unless this or another process has done so.

    Args:
        root: Folder of the cache.
        key: Hash of everything that the content depends on.
        build: Fills an empty folder, the manifest last.
        waits: Called once if another process is building the entry.

    Returns:
        The folder, and whether this call built it.

    Raises:
        CacheError: If the folder cannot be written, for example because the disk is full.
    """
    folder = root / ENTRIES / key
    if (folder / MANIFEST).is_file():
        return folder, False
    with writing(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_suffix(LOCK), waits):
        if (folder / MANIFEST).is_file():
            return folder, False
        _build(folder, build)
    return folder, True


class Use:
    """A cache entry in use: while this object exists, no process removes the entry."""

    def __init__(self, descriptor: int) -> None:
        weakref.finalize(self, os.close, descriptor)


def hold(folder: Path) -> Use | None:
    """Mark a cache entry as in use and update the time of its last use.

    Readers share a lock on the manifest. If it is missing or cannot be locked, nothing is held;
    reading the entry then reports the fault.
    """
    try:
        descriptor = os.open(folder / MANIFEST, os.O_RDONLY)
    except OSError:
        return None
    use = Use(descriptor)
    with contextlib.suppress(OSError):  # a file system without locks, or one that is read-only
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        os.utime(folder / MANIFEST)
    return use


def free_space(folder: Path) -> int:
    """Free bytes on the disk of a folder, which need not exist yet.

    Raises:
        CacheError: If they cannot be determined.
    """
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    with writing(folder):
        return shutil.disk_usage(existing).free


def check_space(folder: Path, needed: int) -> None:
    """Refuse to start building an entry for which the disk has no space.

    Raises:
        CacheError: If fewer than ``needed`` bytes plus a reserve are free.
    """
    free = free_space(folder)
    if free < needed + SPARE:
        raise CacheError(
            f"the feature cache needs {bytes_text(needed + SPARE)} but {folder.parent} has"
            f" {bytes_text(free)} free: free space (`python -m trainer cache list` shows the size"
            f" of each entry), or set --cache or {VARIABLE} to a folder on another disk"
        )


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn the operating system's write errors into one line."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        fix = "free space" if full else "change its permissions"
        raise CacheError(
            f"cannot write the feature cache to {folder} ({error.strerror}): {fix} or set"
            f" {VARIABLE} to another folder"
        ) from error


def _build(folder: Path, build: Callable[[Path], None]) -> None:
    """Build under the lock: nobody else is writing, so whatever is here was left behind."""
    partial = folder.with_suffix(PARTIAL)
    with writing(folder):
        for left_over in (partial, folder):
            if left_over.exists():
                shutil.rmtree(left_over)
        partial.mkdir()
    try:
        build(partial)
        with writing(folder):
            _sync(partial)
            partial.rename(folder)
            _sync(folder.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def _locked(path: Path, waits: Callable[[], None]) -> Iterator[None]:
    with writing(path.parent):
        file = path.open("a")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waits()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
