"""The commands and flags of docs/operations.md exist."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from search.commands.app import app

PAGE = Path(__file__).parents[3] / "docs" / "operations.md"
VERBS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
COMMANDS = [
    line.strip()
    for line in PAGE.read_text().replace("\\\n", " ").splitlines()
    if line.strip().startswith("python -m search ")
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page(command: str) -> None:
    verb, *arguments = shlex.split(command)[3:]
    assert verb in VERBS
    flags = {flag for option in VERBS[verb].params for flag in option.opts}
    assert {argument for argument in arguments if argument.startswith("--")} <= flags


def test_every_command_for_operations_is_on_the_page() -> None:
    named = {command.split()[3] for command in COMMANDS}
    assert {
        "roles",
        "dashboard",
        "export-study",
        "import-study",
        "import-trials",
        "list",
        "resume",
    } <= named


def test_everything_that_the_page_names_exists() -> None:
    for path in re.findall(r"`((?:docs|deploy|tests)/[\w./-]+)`", PAGE.read_text()):
        assert (PAGE.parents[1] / path).exists(), path
