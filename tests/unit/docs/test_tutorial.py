"""The commands of the tutorials exist."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from search.commands.app import app as search_app
from trainer.commands.app import app as trainer_app

DOCS = Path(__file__).parents[3] / "docs"


def commands_of(page: str) -> list[tuple[str, str]]:
    """Program and arguments of each command of a page."""
    text = (DOCS / page).read_text("utf-8")
    return re.findall(r"^python -m (search|trainer) ([^>\n]+)", text, re.MULTILINE)


OWN, NYU = (commands_of(page) for page in ("tutorial.md", "tutorial-nyu.md"))
APPS = {"search": search_app, "trainer": trainer_app}


@pytest.mark.parametrize(("package", "text"), [*OWN, *NYU])
def test_a_command_and_its_flags_are_there(package: str, text: str) -> None:
    verb, *arguments = shlex.split(text)
    group: Any = typer.main.get_command(APPS[package])
    known = {flag for each in group.commands[verb].params for flag in each.opts}

    assert {each for each in arguments if each.startswith("--")} <= known


def test_the_steps_follow_each_other() -> None:
    assert [text.split()[0] for _, text in OWN] == [
        "init", "inspect", "launch", "report", "best", "fit", "evaluate", "figures", "predict",
    ]  # fmt: skip
    assert [text.split()[0] for _, text in NYU] == [
        "doctor", "launch", "launch", "status", "dashboard", "confirm", "next", "report", "best",
        "fit", "evaluate",
    ]  # fmt: skip
