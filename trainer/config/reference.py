"""Reference of all settings: their types, defaults and meanings, read from the records.

The meaning of a setting is the ``#:`` comment above its field, so that it is written only once.
``docs/configuration.md`` and the JSON schema for editors are generated from this.
"""

import ast
import dataclasses
import inspect
import json
import textwrap
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from trainer.config.choices import choices_of
from trainer.config.toml_records import record_to_table

__all__ = ["Setting", "comments_of", "json_schema", "settings_of"]

SCALARS = {int: "integer", float: "number", str: "string", bool: "boolean"}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting, as the reference shows it."""

    #: Dotted name, such as ``training.iterations``.
    name: str
    #: The allowed values, in words.
    kind: str
    #: The default in TOML notation; empty if there is none.
    default: str
    #: Its effect.
    meaning: str


def settings_of(record: type[Any], table: str = "") -> Iterator[Setting]:
    """The settings of a (nested) dataclass, in the order of its fields.

    Args:
        record: The dataclass. A field without a default is given by the program: not a setting.
        table: Dotted name of its table.
    """
    hints, comments = typing.get_type_hints(record), comments_of(record)
    defaults = _defaults(record)
    for field in dataclasses.fields(record):
        name = f"{table}.{field.name}" if table else field.name
        if field.name not in defaults:
            continue
        if dataclasses.is_dataclass(hints[field.name]):
            yield from settings_of(typing.cast(type[Any], hints[field.name]), name)
            continue
        yield Setting(
            name=name,
            kind=_names(choices_of(field)) or _kind(hints[field.name]),
            default=_shown(defaults[field.name]),
            meaning=comments.get(field.name, ""),
        )


def comments_of(record: type[Any]) -> dict[str, str]:
    """The ``#:`` comment above each field of a dataclass, on one line; inherited fields too."""
    found: dict[str, str] = {}
    for each in reversed(record.__mro__):
        if dataclasses.is_dataclass(each):
            found |= _own_comments(each)
    return found


def _own_comments(record: type[Any]) -> dict[str, str]:
    source = textwrap.dedent(inspect.getsource(record))
    lines = source.splitlines()
    body = typing.cast(ast.ClassDef, ast.parse(source).body[0]).body
    found = {}
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = " ".join(_above(lines, node.lineno - 1))
    return found


def json_schema(tables: Mapping[str, type[Any]], *, title: str) -> dict[str, Any]:
    """A JSON schema of a TOML file.

    Args:
        tables: Records by the table they describe; the name ``""`` is the top level.
        title: Title of the schema.
    """
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "type": "object",
        "additionalProperties": False,
        "properties": {},
    }
    for table, record in tables.items():
        described = _record_schema(record)
        if table:
            schema["properties"][table] = described
        else:
            schema["properties"] |= described["properties"]
    return schema


def _defaults(record: type[Any]) -> dict[str, Any]:
    """The default of each field that has one, as TOML takes it; None for one that is not set."""
    fields = dataclasses.fields(record)
    required = {field.name for field in fields if not _has_default(field)}
    made = record(**dict.fromkeys(required, 1))  # a record may compute a default from others
    table = record_to_table(made)
    return {field.name: table.get(field.name) for field in fields if field.name not in required}


def _has_default(field: "dataclasses.Field[Any]") -> bool:
    missing = dataclasses.MISSING
    return field.default is not missing or field.default_factory is not missing


def _shown(value: Any) -> str:
    return "" if value is None else _toml_value(value)


def _above(lines: list[str], index: int) -> list[str]:
    """The lines of the comment that ends above a line."""
    found: list[str] = []
    while index > 0 and lines[index - 1].strip().startswith("#:"):
        index -= 1
        found.insert(0, lines[index].strip().removeprefix("#:").strip())
    return found


def _names(values: Iterable[Any]) -> str:
    return ", ".join(f"`{json.dumps(value)}`" for value in values)


def _kind(hint: Any) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is typing.Literal:
        return _names(inner)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_kind(option) for option in inner if option is not type(None))
    if origin is tuple:
        return f"list of {_plural(inner[0])}"
    if origin in (dict, Mapping):
        return f"table of {_plural(inner[1])}"
    if hint is Any:
        return "value"
    return SCALARS.get(hint, getattr(hint, "__name__", str(hint)))


def _plural(hint: Any) -> str:
    kind = _kind(hint)
    return kind.replace("list of", "lists of", 1) if "list of" in kind else f"{kind}s"


def _toml_value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    return json.dumps(value)


def _record_schema(record: type[Any]) -> dict[str, Any]:
    hints, comments = typing.get_type_hints(record), comments_of(record)
    defaults = _defaults(record)
    properties = {}
    for field in dataclasses.fields(record):
        described = _type_schema(hints[field.name])
        if names := choices_of(field):
            described["enum"] = list(names)
        if comments.get(field.name):
            described["description"] = comments[field.name]
        default = defaults.get(field.name)
        if default is not None and not dataclasses.is_dataclass(hints[field.name]):
            described["default"] = default
        properties[field.name] = described
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _type_schema(hint: Any) -> dict[str, Any]:
    origin, inner = get_origin(hint), get_args(hint)
    if dataclasses.is_dataclass(hint):
        return _record_schema(typing.cast(type[Any], hint))
    if origin is typing.Literal:
        return {"enum": list(inner)}
    if origin in (typing.Union, types.UnionType):
        options = [_type_schema(option) for option in inner if option is not type(None)]
        return options[0] if len(options) == 1 else {"anyOf": options}
    if origin is tuple:
        return {"type": "array", "items": _type_schema(inner[0])}
    if origin in (dict, Mapping):
        return {"type": "object", "additionalProperties": _type_schema(inner[1])}
    return {"type": SCALARS[hint]} if hint in SCALARS else {}
