"""Presets of searches: those of the trainer (``trainer/config/presets``), one TOML file each.

A preset with a table ``[search]`` is used unchanged. Every other preset describes a published
run: a search takes it with the length of the published search, and without its λ and b, because
the search has to find them.
"""

from typing import Any

from search.errors import SettingsError
from trainer.config import presets as trainer_presets
from trainer.config.layers import SEARCH
from trainer.config.presets import preset_names
from trainer.config.toml_records import overlay

__all__ = ["preset_names", "read_preset"]

#: Overrides the preset of a run. The released search counts to 7500, three per batch, for
#: every data set (``docs/protocols.md``).
SEARCHED = {"training": {"iterations": 2500}}


def read_preset(name: str) -> dict[str, Any]:
    """The tables of a preset.

    Raises:
        SettingsError: If there is no preset of that name.
    """
    if name not in preset_names():
        raise SettingsError(f"unknown preset {name!r}: choose one of {', '.join(preset_names())}")
    table = trainer_presets.read_preset(name)
    if SEARCH in table:
        return table
    return {key: value for key, value in overlay(table, SEARCHED).items() if key != "hyper"}
