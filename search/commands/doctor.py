"""``doctor``: look at everything a launch needs, and tell."""

import dataclasses
import json

import typer
from rich.console import Console

from search.commands.starting import Machinery
from search.config.configuration import resolve_layers
from search.doctor import Subject, examine
from search.reporting.doctor import findings
from storage.address import Address
from trainer.config.sources import Layers

__all__ = ["doctor"]


def doctor(
    address: Address,
    machinery: Machinery,
    layers: Layers,
    *,
    given: tuple[tuple[str, str], ...],
    deep: bool,
    as_json: bool,
) -> bool:
    """Print what was found; whether a launch with these settings could run.

    Args:
        address: The database.
        machinery: Where and on what to run.
        layers: The settings that were given.
        given: The flags of a launch with their values, for the commands that are advised.
        deep: Whether to start what a search starts.
        as_json: Print JSON.

    Raises:
        ConfigError, SettingsError: If the settings themselves are wrong.
    """
    places = machinery.places()
    subject = Subject(
        config=resolve_layers(layers),
        preset=layers.preset,
        given=given,
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
        typer.echo(json.dumps({"preset": layers.preset, "ok": sound, "checks": told}, indent=1))
    else:
        Console().print(findings(checks, layers.preset))
    return sound
