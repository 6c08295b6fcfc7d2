"""Presets: settings to start from, one TOML file each, found by its name.

Beside those of this folder, every preset of the trainer starts a search: at the length of the
published search, and without its lambda and b, which the search is to find.
"""

from importlib import resources
from pathlib import Path
from typing import Any

from search.errors import SettingsError
from trainer.config import presets as trainer_presets
from trainer.config.toml_records import overlay, read_toml

__all__ = ["DEFAULT_PRESET", "preset_names", "read_preset"]

DEFAULT_PRESET = "rooms"

#: Laid over a preset of the trainer: 7500 of the released search's counter, which counts three
#: a batch, whatever the data set (``docs/protocols.md``).
SEARCHED = {"training": {"iterations": 2500}}


def preset_names() -> tuple[str, ...]:
    """The names of the presets."""
    return tuple(sorted({*_own_names(), *trainer_presets.preset_names()}))


def read_preset(name: str) -> dict[str, Any]:
    """The tables of a preset.

    Raises:
        SettingsError: If there is no such preset.
    """
    if name not in preset_names():
        raise SettingsError(f"unknown preset {name!r}: choose one of {', '.join(preset_names())}")
    if name not in _own_names():
        table = overlay(trainer_presets.read_preset(name), SEARCHED)
        return {key: value for key, value in table.items() if key != "hyper"}
    with resources.as_file(resources.files(__name__) / f"{name}.toml") as path:
        return read_toml(path)


def _own_names() -> tuple[str, ...]:
    files = [Path(str(item)) for item in resources.files(__name__).iterdir()]
    return tuple(path.stem for path in files if path.suffix == ".toml")
