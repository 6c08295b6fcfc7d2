"""Converting TOML tables into frozen dataclasses and back, strictly and with clear errors."""

import dataclasses
import difflib
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin

import tomli_w

from trainer.config.paths import USER_PATH, expanded_text
from trainer.errors import ConfigError, in_one_line

__all__ = ["build_record", "flat_table", "overlay", "read_toml", "record_to_table", "toml_text"]

Record = TypeVar("Record")


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        ConfigError: If it is missing, unreadable, or not TOML.
    """
    if path.is_dir():
        raise ConfigError(
            f"{path} is a folder: give a TOML file, such as the description that `python -m search"
            " init FOLDER` writes for a folder of images"
        )
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot read the configuration {path}: {error}; give an existing TOML file"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}; fix that line") from error


def build_record(cls: type[Record], table: object, where: str = "") -> Record:
    """Build a (nested) frozen dataclass from a table; its ``__post_init__`` checks the values.

    A record whose keys had other names in the past has a class method ``present_names``, which
    returns a table with the current names.

    Args:
        cls: The dataclass to build.
        table: Keys and values as TOML gives them.
        where: Dotted name of the table, for messages.

    Raises:
        ConfigError: On an unknown key, a wrong type, or anything that ``__post_init__`` refuses.
    """
    if not isinstance(table, Mapping):
        name = where or cls.__name__
        raise ConfigError(f"{name} = {table!r} should be a table; write [{name}]")
    present_names = getattr(cls, "present_names", dict)
    table = present_names(table)
    hints = typing.get_type_hints(cls, include_extras=True)
    fields = {field.name: hints[field.name] for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in table:
        if key not in fields:
            raise ConfigError(_unknown_key(key, where, list(fields)))
    values = {
        key: _convert(fields[key], value, _dotted(where, key)) for key, value in table.items()
    }
    try:
        return cls(**values)
    except TypeError as error:  # a field without a default is missing
        raise ConfigError(f"[{where or cls.__name__}] is incomplete: {error}") from error


def overlay(base: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Tables merged key by key; ``above`` wins, and both stay unchanged."""
    merged = dict(base)
    for key, value in above.items():
        below = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        merged[key] = overlay(below, value) if both else value  # type: ignore[arg-type]
    return merged


def record_to_table(record: Any) -> dict[str, Any]:
    """A (nested) dataclass as plain tables, without keys whose value is None."""
    table: dict[str, Any] = {}
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if value is None:
            continue
        table[field.name] = _plain(value)
    return table


def flat_table(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values by dotted name, such as ``training.iterations``; lists instead of tuples."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= flat_table(value, f"{name}.")
        else:
            flat[name] = list(value) if isinstance(value, tuple) else value
    return flat


def toml_text(table: Mapping[str, Any]) -> str:
    """The table as TOML text that :func:`read_toml` reads back equal."""
    return tomli_w.dumps(table)


def _dotted(where: str, key: str) -> str:
    return f"{where}.{in_one_line(key)}" if where else in_one_line(key)


def _unknown_key(key: str, where: str, valid: list[str]) -> str:
    near = difflib.get_close_matches(key, valid, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    table = f"table [{where}]" if where else "the top level"
    return f"unknown key {key!r} in {table}: {hint}valid keys are {', '.join(valid)}"


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return record_to_table(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin = get_origin(hint)
    if origin is Annotated:
        plain, *marks = get_args(hint)
        found = _convert(plain, value, where)
        return expanded_text(found) if USER_PATH in marks else found
    if origin in (typing.Union, types.UnionType):
        return _convert_union(hint, value, where)
    if dataclasses.is_dataclass(hint):
        return build_record(typing.cast(type[Any], hint), value, where)
    if origin is tuple:
        return _convert_tuple(hint, value, where)
    if origin in (dict, Mapping) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return _convert_mapping(hint, value, where)
    if origin is typing.Literal:
        return _convert_literal(hint, value, where)
    return _convert_scalar(hint, value, where)


def _convert_union(hint: Any, value: Any, where: str) -> Any:
    options = [option for option in get_args(hint) if option is not type(None)]
    if value is None:
        return None
    for option in options[:-1]:
        try:
            return _convert(option, value, where)
        except ConfigError:
            continue
    return _convert(options[-1], value, where)


def _convert_tuple(hint: Any, value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise ConfigError(f"{where} = {value!r} should be a list, such as {where} = [...]")
    return tuple(_convert(get_args(hint)[0], item, where) for item in value)


def _convert_mapping(hint: Any, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} = {value!r} should be a table; write [{where}]")
    item_hint = get_args(hint)[1]
    return {key: _convert(item_hint, item, _dotted(where, key)) for key, item in value.items()}


def _convert_literal(hint: Any, value: Any, where: str) -> Any:
    if value not in get_args(hint):
        valid = ", ".join(repr(option) for option in get_args(hint))
        raise ConfigError(f"{where} = {value!r} is not known: choose one of {valid}")
    return value


def _convert_scalar(hint: Any, value: Any, where: str) -> Any:
    if hint is Any:
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, bool) and hint is not bool:
        raise ConfigError(f"{where} = {value!r} should be {_type_name(hint)}")
    if not isinstance(value, hint):
        raise ConfigError(f"{where} = {value!r} should be {_type_name(hint)}")
    return value


def _type_name(hint: Any) -> str:
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
    return names.get(hint, getattr(hint, "__name__", str(hint)))
