"""The flags that users have typed: their names, defaults and help texts stay."""

import json
import re
from pathlib import Path
from typing import Any

import typer

from search.commands.app import app
from search.pruners import PRUNERS
from search.samplers import SAMPLERS
from search.spaces import SPACES
from trainer.methods import METHODS

FROZEN = Path(__file__).with_name("flags.json")


def flags() -> dict[str, dict[str, dict[str, Any]]]:
    """Every parameter of every command, by the name of both."""
    group: Any = typer.main.get_command(app)
    return {
        name: {
            "/".join((*parameter.opts, *parameter.secondary_opts)): _described(parameter)
            for parameter in command.params
        }
        for name, command in group.commands.items()
    }


def _described(parameter: Any) -> dict[str, Any]:
    return {
        "kind": parameter.param_type_name,
        "default": parameter.default,
        "help": getattr(parameter, "help", None),
        "metavar": parameter.metavar,
        "type": str(parameter.type_descriptor.annotation),
        "required": parameter.required,
        "multiple": parameter.multiple,
    }


def test_names_defaults_and_help_texts_are_as_they_were() -> None:
    frozen = FROZEN.read_text(encoding="utf-8")
    assert flags() == json.loads(frozen.replace("METHODS", ", ".join(METHODS)))  # a new one is new


def test_the_help_lists_every_sampler() -> None:
    text = flags()["launch"]["--sampler"]["help"]
    assert text == f"Sampler: {', '.join(SAMPLERS)}, or hub:NAME of OptunaHub."


def test_the_help_lists_every_space() -> None:
    text = flags()["launch"]["--space"]["help"]
    assert all(f" {entry.listed(name)}" in text for name, entry in SPACES.items())


def test_the_help_names_pruners_that_exist() -> None:
    """A few only: reading their table would import Optuna before any command."""
    text = flags()["launch"]["--pruner"]["help"]
    named = re.findall(r"\w+", text.partition("such as")[2].partition(".")[0])
    assert set(named) - {"or"} <= set(PRUNERS)
