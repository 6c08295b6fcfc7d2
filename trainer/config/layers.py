"""Tables of a run, or of a search, laid over each other: protocol, preset, file, flags."""

from collections.abc import Mapping
from typing import Any

from trainer.config.configuration import TRIAL_SETTINGS
from trainer.config.former_names import FORMER_SETTINGS
from trainer.config.toml_records import overlay

__all__ = ["SEARCH", "fitting", "inner", "lay_over", "settings_in_place"]

SEARCH = "search"  # the table of a file that only a search reads
#: Tables that name what their options belong to.
NAMED = ("data", "method")


def lay_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The upper tables over the lower ones, key by key; both stay as they are.

    What the upper ones fix, the lower ones do not search, and the other way round. A setting of
    the method by its former name and the option of that name are one setting.

    Args:
        below: Tables of a configuration.
        above: Tables whose settings go before those.
    """
    return overlay(_unnamed_again(_undecided(below, above), above), above)


def _undecided(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The lower tables without what the upper ones fix or search."""
    fixed, ranged = inner(above, "hyper"), inner(inner(above, SEARCH), "ranges")
    kept = dict(below)
    if ranges := inner(inner(below, SEARCH), "ranges"):
        left = {key: value for key, value in ranges.items() if key not in fixed}
        kept[SEARCH] = {**inner(below, SEARCH), "ranges": left}
    if hyper := inner(below, "hyper"):
        kept["hyper"] = {key: value for key, value in hyper.items() if key not in ranged}
    return kept


def _unnamed_again(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The lower tables without settings of the method that the upper ones have by another name."""
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
    """A preset without what belongs to another data set or method than the upper tables name.

    That is the options, and the values of the method's hyper-parameters.
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
    return kept


def settings_in_place(table: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of a run, with settings that stand in ``[hyper]`` moved to ``[training]``."""
    if not isinstance(table.get("hyper"), Mapping):
        return dict(table)
    hyper = dict(table["hyper"])
    settings = {name: hyper.pop(name) for name in TRIAL_SETTINGS if name in hyper}
    return overlay({**table, "hyper": hyper}, {"training": settings} if settings else {})


def inner(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A table in a table; what is none is refused later, by its name."""
    found = table.get(key, {})
    return found if isinstance(found, Mapping) else {}
