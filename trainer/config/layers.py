"""Tables of a run laid over each other: protocol, preset, file, flags.

Key by key, but for two things. Options belong to the name beside them: where the upper tables
name another data set or method, the options of the lower ones go, and so do the values of the
method's hyper-parameters. And a setting of a method by its former name is the option of that
name.
"""

from collections.abc import Mapping
from typing import Any

from trainer.config.configuration import FORMER_SETTINGS
from trainer.config.toml_records import overlay

__all__ = ["lay_over"]

#: Tables that name what their options belong to.
NAMED = ("data", "method")


def lay_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The upper tables over the lower ones; both stay as they are.

    Args:
        below: Tables of a configuration, such as a preset's.
        above: Tables whose settings go before those.
    """
    kept = dict(below)
    for section in NAMED:
        lower, upper = below.get(section), above.get(section)
        if isinstance(lower, Mapping) and isinstance(upper, Mapping):
            kept[section] = _without(lower, _void(lower, upper))
            if section == "method" and _renamed(lower, upper):
                kept.pop("hyper", None)
    return overlay(kept, above)


def _void(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> set[str]:
    """Settings of a lower table that the upper one makes void, each option as ``options.NAME``."""
    if _renamed(lower, upper):
        return {*FORMER_SETTINGS, *(f"options.{key}" for key in _options(lower))}
    by_new_name = _options(upper).keys() & {*FORMER_SETTINGS}
    return by_new_name | {f"options.{key}" for key in FORMER_SETTINGS if key in upper}


def _renamed(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> bool:
    """Whether both have a name, and not the same."""
    return "name" in lower and "name" in upper and lower["name"] != upper["name"]


def _without(table: Mapping[str, Any], void: set[str]) -> dict[str, Any]:
    kept = {key: value for key, value in table.items() if key not in void}
    if _options(table):
        kept["options"] = {
            key: value for key, value in _options(table).items() if f"options.{key}" not in void
        }
    return kept


def _options(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options in a table; what is no table is refused later, by its name."""
    found = table.get("options", {})
    return found if isinstance(found, Mapping) else {}
