"""``doctor``: look at everything a launch needs, and tell."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from search.commands.starting import Machinery
from search.config.assignments import nested
from search.config.configuration import resolve
from search.doctor import Subject, examine
from search.reporting.doctor import findings
from storage.address import Address

__all__ = ["doctor"]


def doctor(
    address: Address,
    machinery: Machinery,
    *,
    preset: str,
    file: Path | None,
    flags: Mapping[str, Any],
    deep: bool,
    as_json: bool,
) -> bool:
    """Print what was found; whether a launch with these settings could run.

    Args:
        address: The database.
        machinery: Where and on what to run.
        preset: Settings to start from.
        file: A TOML file laid over the preset.
        flags: Settings laid over both, as ``{"table.key": value}``; None is not set.
        deep: Whether to start what a search starts.
        as_json: Print JSON.

    Raises:
        ConfigError, SettingsError: If the settings themselves are wrong.
    """
    places = machinery.places()
    subject = Subject(
        config=resolve(preset, file, nested(flags)),
        preset=preset,
        address=address,
        device=machinery.device,
        workers=machinery.workers,
        cache=places.cache,
        checkpoints=places.checkpoints,
        ray_address=places.ray_address,
        deep=deep,
    )
    checks = examine(subject)
    sound = all(check.state != "failed" for check in checks)
    if as_json:
        told = [dataclasses.asdict(check) for check in checks]
        typer.echo(json.dumps({"preset": preset, "ok": sound, "checks": told}, indent=1))
    else:
        Console().print(findings(checks, preset))
    return sound
