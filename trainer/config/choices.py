"""Settings whose value is a name in a table: pages and the JSON schema list the names."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["choice", "choices_of"]

KEY = "choices"


def choice(default: str, table: Iterable[str]) -> Any:
    """The field of a setting that names an entry of a table.

    Whoever looks the name up refuses an unknown one; here it is only documented.

    Args:
        default: Its default.
        table: The names.
    """
    return dataclasses.field(default=default, metadata={KEY: tuple(table)})


def choices_of(field: "dataclasses.Field[Any]") -> Sequence[str]:
    """The names that may be given for a field; none for a field that is no :func:`choice`."""
    names: Sequence[str] = field.metadata.get(KEY, ())
    return names
