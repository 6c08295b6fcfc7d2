"""``cache list`` and ``cache prune``: what the feature cache holds, and making room."""

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
from trainer.features.inventory import BankEntry, list_banks, remove_bank

__all__ = ["Choice", "list_cache", "prune_cache", "read_age", "read_size"]

AGES = {"h": 3600, "d": 86400, "w": 7 * 86400}  # seconds
#: Bytes: what is printed is binary; disks are sold in decimal ones.
SIZES = {
    **{"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12},
    **{"kib": 2.0**10, "mib": 2.0**20, "gib": 2.0**30, "tib": 2.0**40},
}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which banks to remove: those to which everything that is given applies."""

    #: Not opened for so long, seconds.
    older_than: float | None = None
    #: Bytes.
    larger_than: float | None = None
    #: Whether only what no run can take: left over by a killed process, or damaged.
    incomplete: bool = False
    #: Whether every bank, given nothing else.
    every: bool = False

    def takes(self, entry: BankEntry, now: float) -> bool:
        """Whether a bank is one of them."""
        return (
            (self.older_than is None or now - entry.used_at > self.older_than)
            and (self.larger_than is None or entry.size > self.larger_than)
            and (not self.incomplete or not entry.complete)
        )

    @property
    def empty(self) -> bool:
        """Whether nothing was chosen."""
        return self == Choice()


def list_cache(*, cache: Path | None, as_json: bool) -> None:
    """Print the banks of the cache.

    Raises:
        CacheError: If the cache cannot be looked at.
    """
    root = cache_root(cache)
    banks = list_banks(root)
    if as_json:
        say(json.dumps([_json(entry) for entry in banks], indent=1))
        return
    if banks:
        _say_banks(banks)
    total = sum(entry.size for entry in banks)
    say(
        f"{root}: {_banks(len(banks))} of {bytes_text(total)}, {bytes_text(free_space(root))} free"
    )


def prune_cache(
    choice: Choice, *, cache: Path | None, sure: bool, ask: Callable[[str], bool]
) -> None:
    """Remove the chosen banks, but for those that a running process uses.

    Args:
        choice: Which.
        cache: Folder of the cache; None for the user's own.
        sure: Whether to go without asking.
        ask: Puts a question to the user.

    Raises:
        ConfigError: If nothing was chosen, or there is nobody to ask.
        CacheError: If a bank cannot be deleted.
    """
    if choice.empty:
        raise ConfigError(
            "cache prune was not told what to remove: give --older-than 30d, --larger-than 10GiB,"
            " --incomplete or --all"
        )
    root = cache_root(cache)
    chosen = [entry for entry in list_banks(root) if choice.takes(entry, time.time())]
    if not chosen:
        say(f"{root}: no bank is to be removed")
        return
    _say_banks(tuple(chosen))
    if not sure:
        if not sys.stdin.isatty():
            raise ConfigError(
                "cache prune asks before it deletes, and there is nobody to ask: give --yes"
            )
        if not ask(f"remove {_banks(len(chosen))}?"):
            say("nothing was removed")
            return
    _remove(chosen, root)


def _remove(chosen: list[BankEntry], root: Path) -> None:
    freed, gone = 0, 0
    for entry in chosen:
        size = remove_bank(entry)
        if size is None:
            say(f"kept {entry.key[:8]}: a running process uses it")
        else:
            freed, gone = freed + size, gone + 1
    say(
        f"removed {_banks(gone)}, freed {bytes_text(freed)};"
        f" {bytes_text(free_space(root))} are free"
    )


def read_age(text: str) -> float:
    """Seconds of an age such as ``30d``.

    Raises:
        ConfigError: If it is none.
    """
    return _quantity(text, AGES, "--older-than", "12h, 30d or 8w")


def read_size(text: str) -> float:
    """Bytes of a size such as ``10GiB`` or ``10GB``.

    Raises:
        ConfigError: If it is none.
    """
    return _quantity(text, SIZES, "--larger-than", "500MiB or 10GiB")


def _quantity(text: str, units: Mapping[str, float], option: str, examples: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]+)", text.strip().lower())
    if match is None or match[2] not in units:
        raise ConfigError(
            f"{option} {text} is not understood: give a number and a unit, {examples}"
        )
    return float(match[1]) * units[match[2]]


def _say_banks(banks: tuple[BankEntry, ...]) -> None:
    rows = [
        (
            entry.key[:8],
            _made_from_text(entry),
            entry.state + (", in use" if entry.in_use and entry.complete else ""),
            _time_text(entry.built_at),
            _time_text(entry.used_at),
            bytes_text(entry.size),
        )
        for entry in banks
    ]
    say_table(
        ("bank", "made from", "state", "built", "last used", "size"), rows, numbers=1, wraps=1
    )


def _made_from_text(entry: BankEntry) -> str:
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
        f" {features['dtype']}"
    )


def _time_text(seconds: float) -> str:
    moment = datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC).astimezone()
    return f"{moment:%Y-%m-%d %H:%M}"


def _banks(count: int) -> str:
    return f"{count} bank{'' if count == 1 else 's'}"


def _json(entry: BankEntry) -> dict[str, Any]:
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
        "made from": dict(entry.made_from),
    }
