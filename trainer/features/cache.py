"""The cache of feature caches: folders named by what they were made from.

A folder is complete or absent. It is built under another name and renamed when everything
is on the disk; its manifest is written last. Who builds holds a lock that the kernel drops
with the process, so that two processes do the work once, and what a killed one left behind
is removed by the next.
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
    "BANKS",
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
BANKS = "banks"  # folder in the cache's
LOCK, PARTIAL = ".lock", ".partial"  # suffixes: held while building; what is being built
VARIABLE = "UMSS_CACHE"
SPARE = 64 * 2**20  # bytes that have to stay free


def cache_root(cache: Path | None) -> Path:
    """The cache's folder: as given, or from the environment, or the user's own.

    Raises:
        CacheError: If none was named, and the user has no home folder.
    """
    if cache is not None:
        return cache
    if os.environ.get(VARIABLE):
        return user_path(os.environ[VARIABLE])
    import platformdirs  # only here: whoever names a folder does without

    try:
        return Path(platformdirs.user_cache_dir("unim2-search"))
    except RuntimeError as error:  # neither HOME nor the passwd file names a folder
        raise CacheError(
            "this account has no home folder for the feature cache (HOME is no absolute path, and"
            f" the passwd file has no entry): give --cache FOLDER or set {VARIABLE}"
        ) from error


def hash_json(value: Any) -> str:
    """Hash of plain data, the same for equal data: 32 hexadecimal digits."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def build_once(
    root: Path, key: str, *, build: Callable[[Path], None], waits: Callable[[], None]
) -> tuple[Path, bool]:
    """The complete folder of a key; built now unless it is there or another process is at it.

    Args:
        root: Folder of the cache.
        key: Hash of everything the content depends on.
        build: Fills an empty folder, the manifest last.
        waits: Called once if another process is building.

    Returns:
        The folder, and whether it was built by this call.

    Raises:
        CacheError: If the folder cannot be written, for want of space for instance.
    """
    folder = root / BANKS / key
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
    """A bank in use: as long as this lives, no process prunes the bank."""

    def __init__(self, descriptor: int) -> None:
        weakref.finalize(self, os.close, descriptor)


def hold(folder: Path) -> Use | None:
    """Take a bank into use, which is its last use so far.

    Readers share a lock on the manifest. Where it cannot be locked or is not there, nothing is
    held: reading the bank tells what is wrong.
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
    """Bytes free where a folder lies or, not being there yet, will lie.

    Raises:
        CacheError: If that cannot be asked.
    """
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    with writing(folder):
        return shutil.disk_usage(there).free


def check_space(folder: Path, needed: int) -> None:
    """Refuse to begin what cannot be finished.

    Raises:
        CacheError: If fewer than ``needed`` bytes, and some to spare, are free.
    """
    free = free_space(folder)
    if free < needed + SPARE:
        raise CacheError(
            f"the feature cache needs {bytes_text(needed + SPARE)} but {folder.parent} has"
            f" {bytes_text(free)} free: free space (`python -m trainer cache list` shows what"
            f" banks take), or set --cache or {VARIABLE} to a folder on another disk"
        )


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write into one line."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        mend = "free space" if full else "mend its permissions"
        raise CacheError(
            f"cannot write the feature cache to {folder} ({error.strerror}): {mend} or set"
            f" {VARIABLE} to another folder"
        ) from error


def _build(folder: Path, build: Callable[[Path], None]) -> None:
    """Under the lock: nobody else is writing, whatever lies here is left over."""
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
