"""Tables of a run laid over each other: protocol, preset, file, flags."""

from collections.abc import Mapping
from typing import Any

from trainer.config.former_names import FORMER_SETTINGS
from trainer.config.toml_records import overlay

__all__ = ["fitting", "lay_over"]

#: Tables that name what their options belong to.
NAMED = ("data", "method")


def lay_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The upper tables over the lower ones, key by key; both stay as they are.

    A setting of the method by its former name and the option of that name are one setting.

    Args:
        below: Tables of a configuration.
        above: Tables whose settings go before those.
    """
    lower, upper = _inner(below, "method"), _inner(above, "method")
    again = _inner(upper, "options").keys() | upper.keys()
    void = {key for key in FORMER_SETTINGS if key in again}
    if not void:
        return overlay(below, above)
    kept = {key: value for key, value in lower.items() if key not in void}
    if options := _inner(lower, "options"):
        kept["options"] = {key: value for key, value in options.items() if key not in void}
    return overlay({**below, "method": kept}, above)


def fitting(preset: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """A preset without what belongs to another data set or method than the upper tables name.

    That is the options, and the values of the method's hyper-parameters.
    """
    kept = dict(preset)
    for section in NAMED:
        lower = _inner(preset, section)
        name = _inner(above, section).get("name", lower.get("name"))
        if name == lower.get("name"):
            continue
        kept[section] = {key: value for key, value in lower.items() if key != "options"}
        if section == "method":
            kept.pop("hyper", None)
    return kept


def _inner(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A table in a table; what is none is refused later, by its name."""
    found = table.get(key, {})
    return found if isinstance(found, Mapping) else {}
