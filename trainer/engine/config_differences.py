"""In what two configurations differ, for messages."""

import json
from collections.abc import Mapping
from typing import Any

from trainer.config.configuration import TrainConfig
from trainer.config.toml_records import record_to_table

__all__ = ["config_table", "differences", "without_paths"]

#: Settings that are paths, by table: files may move, and fingerprints identify their content.
PATHS = {"data": ("root",), "backbone": ("weights",)}


def config_table(config: TrainConfig) -> dict[str, Any]:
    """The configuration as it reads back from JSON."""
    table: dict[str, Any] = json.loads(json.dumps(record_to_table(config)))
    return table


def without_paths(table: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration's table without :data:`PATHS`."""
    kept = {
        name: {key: value for key, value in table.get(name, {}).items() if key not in paths}
        for name, paths in PATHS.items()
    }
    return {**table, **kept}


def differences(
    stored: Mapping[str, Any], given: Mapping[str, Any], prefix: str = ""
) -> list[str]:
    """The differences between two tables, one phrase each."""
    found = []
    for key in sorted(stored.keys() | given.keys()):
        old, new = stored.get(key), given.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            found += differences(old, new, f"{prefix}{key}.")
        elif old != new:
            found.append(f"{prefix}{key} is {old!r} there and {new!r} here")
    return found
