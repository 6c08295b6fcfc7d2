"""``cache list`` and ``cache prune``: show the entries of the feature cache and remove some."""

import datetime
import json
import re
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.commands.setup import say
from trainer.commands.tables import say_table
from trainer.console.sizes import bytes_text
from trainer.errors import ConfigError
from trainer.features.cache import cache_root, free_space
from trainer.features.inventory import CacheEntry, list_entries, remove_entry

__all__ = ["Choice", "list_cache", "prune_cache", "read_age", "read_size"]

AGES = {"h": 3600, "d": 86400, "w": 7 * 86400}  # seconds
#: Bytes per unit. We print binary units; decimal ones are accepted as well.
SIZES = {
    **{"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12},
    **{"kib": 2.0**10, "mib": 2.0**20, "gib": 2.0**30, "tib": 2.0**40},
}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which entries to remove: those that meet every given condition."""

    #: Seconds for which an entry was not opened.
    older_than: float | None = None
    #: Bytes.
    larger_than: float | None = None
    #: Whether to choose only unusable entries: damaged, or left behind by a killed process.
    incomplete: bool = False
    #: Whether to choose every entry if there is no other condition.
    every: bool = False

    def includes(self, entry: CacheEntry, now: float) -> bool:
        """Whether an entry is chosen."""
        return (
            (self.older_than is None or now - entry.used_at > self.older_than)
            and (self.larger_than is None or entry.size > self.larger_than)
            and (not self.incomplete or not entry.complete)
        )

    @property
    def empty(self) -> bool:
        """Whether no condition was given."""
        return self == Choice()


def list_cache(*, cache: Path | None, as_json: bool) -> None:
    """Print the entries of the cache.

    Raises:
        CacheError: If the cache cannot be read.
    """
    root = cache_root(cache)
    entries = list_entries(root)
    if as_json:
        say(json.dumps([_json(entry) for entry in entries], indent=1))
        return
    if entries:
        _say_entries(entries)
    total, free = sum(entry.size for entry in entries), free_space(root)
    say(f"{root}: {_counted(len(entries))}, {bytes_text(total)}; {bytes_text(free)} free")


def prune_cache(
    choice: Choice, *, cache: Path | None, sure: bool, ask: Callable[[str], bool]
) -> None:
    """Remove the chosen entries, except those that a running process uses.

    Args:
        choice: Which entries to remove.
        cache: Folder of the cache; None for the user's own.
        sure: Whether to remove without asking.
        ask: Asks the user a yes-no question.

    Raises:
        ConfigError: If no condition was given, or there is nobody to ask.
        CacheError: If an entry cannot be deleted.
    """
    if choice.empty:
        raise ConfigError(
            "cache prune needs to know what to remove: give --older-than 30d, --larger-than 10GiB,"
            " --incomplete or --all"
        )
    root = cache_root(cache)
    chosen = [entry for entry in list_entries(root) if choice.includes(entry, time.time())]
    if not chosen:
        say(f"{root}: there is nothing to remove")
        return
    _say_entries(tuple(chosen))
    if not sure:
        if not sys.stdin.isatty():
            raise ConfigError(
                "cache prune asks before it deletes, and there is nobody to ask: give --yes"
            )
        if not ask(f"remove {_counted(len(chosen))}?"):
            say("nothing was removed")
            return
    _remove(chosen, root)


def _remove(chosen: list[CacheEntry], root: Path) -> None:
    freed, removed = 0, 0
    for entry in chosen:
        size = remove_entry(entry)
        if size is None:
            say(f"kept {entry.key[:8]}: a running process uses it")
        else:
            freed, removed = freed + size, removed + 1
    say(
        f"removed {_counted(removed)}, freed {bytes_text(freed)};"
        f" {bytes_text(free_space(root))} are free"
    )


def read_age(text: str) -> float:
    """An age such as ``30d``, in seconds.

    Raises:
        ConfigError: If it cannot be read.
    """
    return _quantity(text, AGES, "--older-than", "12h, 30d or 8w")


def read_size(text: str) -> float:
    """A size such as ``10GiB`` or ``10GB``, in bytes.

    Raises:
        ConfigError: If it cannot be read.
    """
    return _quantity(text, SIZES, "--larger-than", "500MiB or 10GiB")


def _quantity(text: str, units: Mapping[str, float], option: str, examples: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]+)", text.strip().lower())
    if match is None or match[2] not in units:
        raise ConfigError(
            f"{option} {text} cannot be read: give a number and a unit, such as {examples}"
        )
    return float(match[1]) * units[match[2]]


def _say_entries(entries: tuple[CacheEntry, ...]) -> None:
    rows = [
        (
            entry.key[:8],
            _made_from_text(entry),
            entry.state + (", in use" if entry.in_use and entry.complete else ""),
            _time_text(entry.built_at),
            _time_text(entry.used_at),
            bytes_text(entry.size),
        )
        for entry in entries
    ]
    say_table(
        ("entry", "made from", "state", "built", "last used", "size"), rows, numbers=1, wraps=1
    )


def _made_from_text(entry: CacheEntry) -> str:
    tables = entry.made_from
    if not tables:
        return "unknown"
    if entry.encoded:
        return f"images of {entry.encoded}, computed from {tables['data']['name']}"
    mirrored = f"mirrored {entry.mirrored} of " if entry.mirrored else ""
    data, backbone, features = (tables[name] for name in ("data", "backbone", "features"))
    sides = f"{features['train_resolution']}/{features['eval_resolution']} px"
    return (
        f"{mirrored}{data['name']} ({', '.join(data['modalities'])}), {backbone['name']}, {sides},"
        f" {features['dtype']}{''.join(f', {each}' for each in entry.maps)}"
    )


def _time_text(seconds: float) -> str:
    moment = datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC).astimezone()
    return f"{moment:%Y-%m-%d %H:%M}"


def _counted(count: int) -> str:
    return f"{count} {'entry' if count == 1 else 'entries'}"


def _json(entry: CacheEntry) -> dict[str, Any]:
    return {
        "key": entry.key,
        "folder": str(entry.folder),
        "bytes": entry.size,
        "state": entry.state,
        "in use": entry.in_use,
        "built": entry.built_at,
        "last used": entry.used_at,
        "mirrored": entry.mirrored,
        "encoded": entry.encoded,
        "maps": list(entry.maps),
        "made from": dict(entry.made_from),
    }
