"""The tutorial's commands exist."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from search.commands.app import app as search_app
from trainer.commands.app import app as trainer_app

PAGE = Path(__file__).parents[3] / "docs/tutorial.md"
COMMANDS = re.findall(
    r"^python -m (search|trainer) ([^>\n]+)", PAGE.read_text("utf-8"), re.MULTILINE
)
APPS = {"search": search_app, "trainer": trainer_app}


@pytest.mark.parametrize(("package", "text"), COMMANDS)
def test_a_command_and_its_flags_are_there(package: str, text: str) -> None:
    verb, *arguments = shlex.split(text)
    group: Any = typer.main.get_command(APPS[package])
    known = {flag for each in group.commands[verb].params for flag in each.opts}

    assert {each for each in arguments if each.startswith("--")} <= known


def test_the_steps_follow_each_other() -> None:
    verbs = [text.split()[0] for _, text in COMMANDS]
    assert verbs == [
        "init", "inspect", "launch", "report", "best", "fit", "evaluate", "figures", "predict",
    ]  # fmt: skip
