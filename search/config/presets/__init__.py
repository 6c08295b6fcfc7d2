"""Presets of searches: those of the trainer (``trainer/config/presets``), one TOML file each.

A preset with a table ``[search]`` is taken as it is. Every other describes a published run; a
search starts from it at the length of the published search, and without its lambda and b, which
the search is to find.
"""

from typing import Any

from search.errors import SettingsError
from trainer.config import presets as trainer_presets
from trainer.config.layers import SEARCH
from trainer.config.presets import preset_names
from trainer.config.toml_records import overlay

__all__ = ["preset_names", "read_preset"]

#: Laid over a preset of a run: 7500 of the released search's counter, which counts three
#: a batch, whatever the data set (``docs/protocols.md``).
SEARCHED = {"training": {"iterations": 2500}}


def read_preset(name: str) -> dict[str, Any]:
    """The tables of a preset.

    Raises:
        SettingsError: If there is no such preset.
    """
    if name not in preset_names():
        raise SettingsError(f"unknown preset {name!r}: choose one of {', '.join(preset_names())}")
    table = trainer_presets.read_preset(name)
    if SEARCH in table:
        return table
    return {key: value for key, value in overlay(table, SEARCHED).items() if key != "hyper"}
