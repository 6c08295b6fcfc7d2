"""Reads a method's table ``[method.options]`` into the method's own record."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from trainer.config.toml_records import build_record
from trainer.errors import ConfigError
from trainer.methods import find_method

__all__ = ["read_options"]


def read_options(name: str, options: object) -> Any:
    """The record of a method's table ``[method.options]``, with defaults for missing options.

    Args:
        name: Name of the method.
        options: The table, or the record itself.

    Raises:
        ConfigError: If the method or an option is unknown, or an option has a wrong value.
    """
    record = find_method(name).options
    if isinstance(options, record):
        return options
    if isinstance(options, Mapping) and options and not dataclasses.fields(record):
        raise ConfigError(
            f"[method.options] has {next(iter(options))!r}, and the method {name} has no options:"
            " leave the table out"
        )
    return build_record(record, options, "method.options")
