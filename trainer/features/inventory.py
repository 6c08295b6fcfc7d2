"""The entries of the cache, complete or not: listing and removing them.

Removing takes the locks of builders and readers first, so that nothing in use is removed. An
entry is renamed before its files are deleted, so that it exists completely or not at all.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from trainer.errors import CacheError
from trainer.features.cache import ENTRIES, LOCK, MANIFEST, PARTIAL
from trainer.features.cache_entry import MAPS, read_entry

__all__ = ["CacheEntry", "list_entries", "remove_entry"]

State = Literal["complete", "damaged", "being built", "incomplete"]


@dataclass(frozen=True, kw_only=True)
class CacheEntry:
    """One folder of the feature cache."""

    folder: Path
    #: Bytes of its files.
    size: int
    state: State
    #: Whether a running process reads or builds it.
    in_use: bool
    #: When its last file was written and when it was last opened, seconds since the epoch.
    built_at: float
    used_at: float
    #: The description in its manifest; empty unless it is complete.
    description: Mapping[str, Any]

    @property
    def made_from(self) -> Mapping[str, Any]:
        """The tables ``data``, ``backbone`` and ``features``; empty if they are unknown."""
        tables: Mapping[str, Any] = self.description.get("made from", {})
        return tables

    @property
    def mirrored(self) -> str | None:
        """The split if it only holds features of mirrored images; None for all other entries."""
        return self.description.get("mirrored")

    @property
    def encoded(self) -> str | None:
        """The modality whose computed images it holds, and no features; None for others."""
        return self.description.get("encoded")

    @property
    def maps(self) -> tuple[str, ...]:
        """Maps that it holds besides the features, in words."""
        return tuple(
            f"{each['view']} {each['output']} of {each['modality']}"
            for each in self.description.get(MAPS, ())
        )

    @property
    def key(self) -> str:
        """The hash that is its name."""
        return self.folder.name.removesuffix(PARTIAL)

    @property
    def complete(self) -> bool:
        """Whether a run can use it."""
        return self.state == "complete"


def list_entries(root: Path) -> tuple[CacheEntry, ...]:
    """Every entry of a cache, the most recently used first.

    Args:
        root: Folder of the cache; it need not exist.
    """
    folders = [path for path in (root / ENTRIES).glob("*") if path.is_dir()]
    entries = [entry for entry in map(_entry, folders) if entry is not None]
    return tuple(sorted(entries, key=lambda entry: (-entry.used_at, entry.key)))


def remove_entry(entry: CacheEntry) -> int | None:
    """Delete an entry unless it is in use.

    Returns:
        Freed bytes; None if it was kept because a running process uses it.

    Raises:
        CacheError: If it cannot be deleted.
    """
    try:
        with _alone(entry.folder) as alone:
            if not alone:
                return None
            freed = _unshared(entry.folder)
            _delete(entry.folder)
    except OSError as error:
        raise CacheError(
            f"cannot delete the feature cache {entry.folder} ({error.strerror}): change its"
            " permissions, or delete it as the user who created it"
        ) from error
    return freed


def _unshared(folder: Path) -> int:
    """Bytes of the files that no other entry has as well."""
    statuses = [path.stat() for path in folder.iterdir()]
    return sum(status.st_size for status in statuses if status.st_nlink == 1)


def _delete(folder: Path) -> None:
    doomed = folder.with_suffix(PARTIAL)
    if folder != doomed:
        if doomed.exists():
            shutil.rmtree(doomed)
        folder.rename(doomed)
    shutil.rmtree(doomed)


def _entry(folder: Path) -> CacheEntry | None:
    try:
        statuses = {path.name: path.stat() for path in folder.iterdir()}
        changed = folder.stat().st_mtime
    except OSError:  # removed in the meantime
        return None
    times = [status.st_mtime for name, status in statuses.items() if name != MANIFEST]
    with _alone(folder) as alone:
        state, description = _look(folder, alone=alone)
    manifest = statuses.get(MANIFEST)
    return CacheEntry(
        folder=folder,
        size=sum(status.st_size for status in statuses.values()),
        state=state,
        in_use=not alone,
        built_at=max(times, default=changed),
        used_at=manifest.st_mtime if manifest else changed,
        description=description,
    )


def _look(folder: Path, *, alone: bool) -> tuple[State, Mapping[str, Any]]:
    if not (folder / MANIFEST).is_file() or folder.suffix == PARTIAL:
        return ("incomplete" if alone else "being built"), {}
    try:
        _, description = read_entry(folder)
    except CacheError:
        return "damaged", {}
    return "complete", description


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Whether nobody builds or reads an entry; nobody can start to within the block."""
    with contextlib.ExitStack() as held:
        alone = True
        for path in (folder.with_suffix(LOCK), folder / MANIFEST):
            try:
                descriptor = os.open(path, os.O_RDWR)
            except FileNotFoundError:
                continue
            except OSError:  # not writable by this user
                descriptor = os.open(path, os.O_RDONLY)
            held.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                alone = False
        yield alone
