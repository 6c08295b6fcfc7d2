"""Reading and writing YAML as in the published configurations."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from trainer.errors import ConfigError

__all__ = ["read_yaml", "yaml_text"]


def read_yaml(path: Path) -> dict[str, Any]:
    """The table in a YAML file; the reader refuses tags that name code.

    Raises:
        ConfigError: If it is missing, unreadable, not YAML or not a table.
    """
    try:
        table = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot read {path} ({' '.join(str(error).split())}): give an existing YAML file"
        ) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path} is not valid YAML: {reason[:200]}; fix that line") from error
    if not isinstance(table, dict) or not all(isinstance(key, str) for key in table):
        raise ConfigError(
            f"{path} holds no table of settings: give a configuration file of the published code"
        )
    return table


def yaml_text(table: Mapping[str, Any], *, comments: tuple[str, ...] = ()) -> str:
    """A table as YAML in its order, after some lines of comment."""
    return "".join(f"# {line}\n" for line in comments) + _lines(table, indent="")


def _lines(table: Mapping[str, Any], indent: str) -> str:
    text = ""
    for key, value in table.items():
        if isinstance(value, Mapping):
            text += f"{indent}{key}:\n{_lines(value, indent + '  ')}"
        else:
            text += f"{indent}{key}: {_scalar(value)}\n"
    return text


def _scalar(value: Any) -> str:
    text = json.dumps(value)  # YAML reads it in the same way, except:
    if isinstance(value, float) and "e" in text and "." not in text:
        return text.replace("e", ".0e")  # without a point YAML 1.1 takes it for a text
    return text
