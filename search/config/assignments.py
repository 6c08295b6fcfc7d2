"""Parse flags: ``NAME=VALUE``, ``NAME=LOW:HIGH``, and names with dots."""

from collections.abc import Mapping, Sequence
from typing import Any

from search.errors import SettingsError
from trainer.errors import in_one_line

__all__ = ["nested", "parse_fixes", "parse_ranges"]


def parse_fixes(given: Sequence[str]) -> dict[str, float]:
    """Values by name, from any number of ``--fix NAME=VALUE``.

    Raises:
        SettingsError: If one has another form, or a name is given twice.
    """
    form = "--fix {}: give NAME=VALUE, such as --fix b_self=0.5"
    return {
        name: _number(text, form.format(in_one_line(whole)))
        for whole, name, text in _split(given, form)
    }


def parse_ranges(given: Sequence[str]) -> dict[str, list[float]]:
    """Ranges by name, from any number of ``--range NAME=LOW:HIGH``.

    Raises:
        SettingsError: If one has another form, or a name is given twice.
    """
    form = "--range {}: give NAME=LOW:HIGH, such as --range learning_rate=1e-4:1e-2"
    ranges: dict[str, list[float]] = {}
    for whole, name, text in _split(given, form):
        ends = text.split(":")
        if len(ends) != 2:
            raise SettingsError(form.format(in_one_line(whole)))
        ranges[name] = [_number(end, form.format(in_one_line(whole))) for end in ends]
    return ranges


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Turn ``{"a.b": 1, "c": 2}`` into ``{"a": {"b": 1}, "c": 2}``, without None values."""
    tables: dict[str, Any] = {}
    for name, value in values.items():
        if value is not None:
            *table, key = name.split(".")
            inner = tables.setdefault(table[0], {}) if table else tables
            inner[key] = value
    return tables


def _split(given: Sequence[str], form: str) -> list[tuple[str, str, str]]:
    """For each flag: the whole text, the name, and the text after the equals sign."""
    parts: list[tuple[str, str, str]] = []
    for whole in given:
        name, sign, text = (part.strip() for part in whole.partition("="))
        if not (name and sign and text):
            raise SettingsError(form.format(in_one_line(whole)))
        if name in (earlier for _, earlier, _ in parts):
            raise SettingsError(
                f"{form.split()[0]} was given twice for {in_one_line(name)}: give it once"
            )
        parts.append((whole, name, text))
    return parts


def _number(text: str, refusal: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SettingsError(refusal) from None
