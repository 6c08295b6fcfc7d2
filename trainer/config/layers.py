"""Merging the tables of a run or a search: protocol, preset, file, flags."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from trainer.config.configuration import TRIAL_SETTINGS
from trainer.config.former_names import FORMER_SETTINGS
from trainer.config.toml_records import overlay
from trainer.methods import METHODS

__all__ = ["SEARCH", "fitting", "inner", "lay_over", "settings_in_place"]

SEARCH = "search"  # the table of a file that only a search reads
#: Tables whose options belong to the ``name`` in the same table.
NAMED = ("data", "method")


def lay_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge tables key by key; neither argument is changed.

    A value that ``above`` fixes is not searched by ``below``, and the other way round. The former
    name of a setting of the method counts as the same setting.

    Args:
        below: Tables of a configuration.
        above: Tables whose settings override those of ``below``.
    """
    return overlay(_unnamed_again(_undecided(below, above), above), above)


def _undecided(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The lower tables without the values that the upper ones fix or search."""
    fixed, ranged = inner(above, "hyper"), inner(inner(above, SEARCH), "ranges")
    kept = dict(below)
    if ranges := inner(inner(below, SEARCH), "ranges"):
        left = {key: value for key, value in ranges.items() if key not in fixed}
        kept[SEARCH] = {**inner(below, SEARCH), "ranges": left}
    if hyper := inner(below, "hyper"):
        kept["hyper"] = {key: value for key, value in hyper.items() if key not in ranged}
    return kept


def _unnamed_again(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The lower tables without method settings that the upper ones give under another name."""
    lower, upper = inner(below, "method"), inner(above, "method")
    again = inner(upper, "options").keys() | upper.keys()
    void = {key for key in FORMER_SETTINGS if key in again}
    if not void:
        return dict(below)
    kept = {key: value for key, value in lower.items() if key not in void}
    if options := inner(lower, "options"):
        kept["options"] = {key: value for key, value in options.items() if key not in void}
    return {**below, "method": kept}


def fitting(preset: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """A preset without the parts that do not apply to the upper tables' data set and method.

    These are the options, apart from those that both methods have, such as where training starts,
    and the values of the method's hyper-parameters.
    """
    kept = dict(preset)
    for section in NAMED:
        lower = inner(preset, section)
        name = inner(above, section).get("name", lower.get("name"))
        if name == lower.get("name"):
            continue
        kept[section] = {key: value for key, value in lower.items() if key != "options"}
        if section == "method":
            kept.pop("hyper", None)
            if shared := _shared_options(lower, name):
                kept[section]["options"] = shared
    return kept


def _shared_options(lower: Mapping[str, Any], name: object) -> dict[str, Any]:
    """The options of a method that the method ``name`` has as well, with the same values."""
    before, after = _option_types(lower.get("name")), _option_types(name)
    return {
        key: value
        for key, value in inner(lower, "options").items()
        if key in before and before[key] == after.get(key)
    }


def _option_types(method: object) -> dict[str, Any]:
    """The options of a method with their types; none of an unknown one, which is refused later."""
    entry = METHODS.get(method) if isinstance(method, str) else None
    return {} if entry is None else {field.name: field.type for field in fields(entry.options)}


def settings_in_place(table: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of a run, with training settings moved from ``[hyper]`` to ``[training]``."""
    if not isinstance(table.get("hyper"), Mapping):
        return dict(table)
    hyper = dict(table["hyper"])
    settings = {name: hyper.pop(name) for name in TRIAL_SETTINGS if name in hyper}
    return overlay({**table, "hyper": hyper}, {"training": settings} if settings else {})


def inner(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A table in a table; empty if it is something else, which is refused later."""
    found = table.get(key, {})
    return found if isinstance(found, Mapping) else {}
