"""Presets: runs to start from, one TOML file each, found by its name.

The first comment line of a file says what it is. A file, also one of a user's own, starts from
a preset with the key ``base = "NAME"``: its own keys are laid over the preset's.
"""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from trainer.config.layers import fitting, lay_over
from trainer.config.toml_records import read_toml
from trainer.errors import ConfigError

__all__ = ["expand", "preset_names", "preset_summary", "read_preset"]


def preset_names() -> tuple[str, ...]:
    """The names of the presets."""
    files = [Path(str(item)) for item in resources.files(__name__).iterdir()]
    return tuple(sorted(path.stem for path in files if path.suffix == ".toml"))


def read_preset(name: str) -> dict[str, Any]:
    """The tables of a preset, its base included.

    Raises:
        ConfigError: If there is no such preset.
    """
    if name not in preset_names():
        raise ConfigError(
            f"there is no preset {name!r}: choose one of {', '.join(preset_names())}"
        )
    with resources.as_file(resources.files(__name__) / f"{name}.toml") as path:
        return expand(read_toml(path))


def preset_summary(name: str) -> str:
    """What a preset is: its file's first line."""
    first, _, _ = (resources.files(__name__) / f"{name}.toml").read_text("utf-8").partition("\n")
    return first.removeprefix("#").strip()


def expand(table: Mapping[str, Any]) -> dict[str, Any]:
    """Tables laid over those of the preset that their key ``base`` names, if they have one.

    Raises:
        ConfigError: If there is no such preset.
    """
    own = dict(table)
    base = own.pop("base", None)
    return own if base is None else lay_over(fitting(read_preset(base), own), own)
