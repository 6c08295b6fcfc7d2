"""The cache of feature banks: folders named by what they were made from.

A folder is complete or absent. It is built under another name and renamed when everything
is on the disk; its manifest is written last. Who builds holds a lock that the kernel drops
with the process, so that two processes do the work once, and what a killed one left behind
is removed by the next.
"""

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trainer.errors import CacheError

__all__ = ["MANIFEST", "build_once", "cache_root", "check_space", "hash_json", "writing"]

MANIFEST = "manifest.json"
VARIABLE = "UMSS_CACHE"
SPARE = 64 * 2**20  # bytes that have to stay free


def cache_root(cache: Path | None) -> Path:
    """The cache's folder: as given, or from the environment, or the user's own."""
    if cache is not None:
        return cache
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE]).expanduser()
    import platformdirs  # only here: whoever names a folder does without

    return Path(platformdirs.user_cache_dir("unim2-search"))


def hash_json(value: Any) -> str:
    """Hash of plain data, the same for equal data: 32 hexadecimal digits."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def build_once(
    root: Path, key: str, *, build: Callable[[Path], None], waits: Callable[[], None]
) -> Path:
    """The complete folder of a key; built now unless it is there or another process is at it.

    Args:
        root: Folder of the cache.
        key: Hash of everything the content depends on.
        build: Fills an empty folder, the manifest last.
        waits: Called once if another process is building.

    Raises:
        CacheError: If the folder cannot be written, for want of space for instance.
    """
    folder = root / "banks" / key
    if (folder / MANIFEST).is_file():
        return folder
    with writing(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_suffix(".lock"), waits):
        if not (folder / MANIFEST).is_file():
            _build(folder, build)
    return folder


def check_space(folder: Path, needed: int) -> None:
    """Refuse to begin what cannot be finished.

    Raises:
        CacheError: If fewer than ``needed`` bytes, and some to spare, are free.
    """
    with writing(folder):
        free = shutil.disk_usage(folder).free
    if free < needed + SPARE:
        raise CacheError(
            f"the feature bank needs {needed / 2**20:.0f} MiB but {folder} has"
            f" {free / 2**20:.0f} MiB free: free space or set {VARIABLE} to another folder"
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
            f"cannot write the feature bank to {folder} ({error.strerror}): {mend} or set"
            f" {VARIABLE} to another folder"
        ) from error


def _build(folder: Path, build: Callable[[Path], None]) -> None:
    """Under the lock: nobody else is writing, whatever lies here is left over."""
    partial = folder.with_suffix(".partial")
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
