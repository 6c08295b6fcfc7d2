"""Presets: settings to start from, one TOML file each, found by its name."""

from importlib import resources
from pathlib import Path
from typing import Any

from search.errors import SettingsError
from trainer.toml_records import read_toml

__all__ = ["DEFAULT_PRESET", "preset_names", "read_preset"]

DEFAULT_PRESET = "rooms"


def preset_names() -> tuple[str, ...]:
    """The names of the presets."""
    files = [Path(str(item)) for item in resources.files(__name__).iterdir()]
    return tuple(sorted(path.stem for path in files if path.suffix == ".toml"))


def read_preset(name: str) -> dict[str, Any]:
    """The tables of a preset.

    Raises:
        SettingsError: If there is no such preset.
    """
    if name not in preset_names():
        raise SettingsError(f"unknown preset {name!r}: choose one of {', '.join(preset_names())}")
    with resources.as_file(resources.files(__name__) / f"{name}.toml") as path:
        return read_toml(path)
