"""What lies in the cache: complete banks, those being built, what was left over; removing them.

Removing takes the locks of builders and readers first, so that nothing in use goes. A bank is
renamed before its files are deleted: it is there as a whole or not at all.
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
from trainer.features.bank import read_bank
from trainer.features.cache import BANKS, LOCK, MANIFEST, PARTIAL

__all__ = ["BankEntry", "list_banks", "remove_bank"]

State = Literal["complete", "damaged", "being built", "incomplete"]


@dataclass(frozen=True, kw_only=True)
class BankEntry:
    """One folder of the cache."""

    folder: Path
    #: Bytes of its files.
    size: int
    state: State
    #: Whether a running process reads or builds it.
    in_use: bool
    #: Seconds since the epoch: when its last file was written, and when it was last opened.
    built_at: float
    used_at: float
    #: What it says of itself when it is complete; else empty.
    description: Mapping[str, Any]

    @property
    def made_from(self) -> Mapping[str, Any]:
        """The tables ``data``, ``backbone`` and ``features``; empty where they are not known."""
        tables: Mapping[str, Any] = self.description.get("made from", {})
        return tables

    @property
    def mirrored(self) -> str | None:
        """The split whose mirrored images it holds, and nothing else; None for a whole bank."""
        return self.description.get("mirrored")

    @property
    def encoded(self) -> str | None:
        """The modality whose computed images it holds, and no features; None for others."""
        return self.description.get("encoded")

    @property
    def key(self) -> str:
        """The hash that names it."""
        return self.folder.name.removesuffix(PARTIAL)

    @property
    def complete(self) -> bool:
        """Whether a run can take it."""
        return self.state == "complete"


def list_banks(root: Path) -> tuple[BankEntry, ...]:
    """Every bank in a cache, the last used first.

    Args:
        root: Folder of the cache; one that is not there holds nothing.
    """
    folders = [path for path in (root / BANKS).glob("*") if path.is_dir()]
    entries = [entry for entry in map(_entry, folders) if entry is not None]
    return tuple(sorted(entries, key=lambda entry: (-entry.used_at, entry.key)))


def remove_bank(entry: BankEntry) -> int | None:
    """Delete a bank unless it is in use.

    Returns:
        Bytes that were freed; None where a running process uses it, which keeps it.

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
            f"cannot delete the feature cache {entry.folder} ({error.strerror}): mend its"
            " permissions, or delete it as who made it"
        ) from error
    return freed


def _unshared(folder: Path) -> int:
    """Bytes of the files that no other bank has as well."""
    statuses = [path.stat() for path in folder.iterdir()]
    return sum(status.st_size for status in statuses if status.st_nlink == 1)


def _delete(folder: Path) -> None:
    doomed = folder.with_suffix(PARTIAL)
    if folder != doomed:
        if doomed.exists():
            shutil.rmtree(doomed)
        folder.rename(doomed)
    shutil.rmtree(doomed)


def _entry(folder: Path) -> BankEntry | None:
    try:
        statuses = {path.name: path.stat() for path in folder.iterdir()}
        changed = folder.stat().st_mtime
    except OSError:  # gone meanwhile
        return None
    times = [status.st_mtime for name, status in statuses.items() if name != MANIFEST]
    with _alone(folder) as alone:
        state, description = _look(folder, alone=alone)
    manifest = statuses.get(MANIFEST)
    return BankEntry(
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
        _, description = read_bank(folder)
    except CacheError:
        return "damaged", {}
    return "complete", description


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Whether nobody builds or reads a bank; while this lasts, nobody begins to."""
    with contextlib.ExitStack() as held:
        alone = True
        for path in (folder.with_suffix(LOCK), folder / MANIFEST):
            try:
                descriptor = os.open(path, os.O_RDWR)
            except FileNotFoundError:
                continue
            except OSError:  # not ours to write, so not ours to remove
                descriptor = os.open(path, os.O_RDONLY)
            held.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                alone = False
        yield alone
