"""Each verb's help ends with examples that the command line takes."""

import os
import shlex
import subprocess
import sys

import pytest

from search.commands.app import COMMANDS
from search.commands.examples import EXAMPLES
from tests.unit.search.commands.test_commands_to_paste import check_parses

CASES = [(verb, example) for verb, examples in EXAMPLES.items() for example in examples]


def test_every_verb_has_examples() -> None:
    assert list(EXAMPLES) == list(COMMANDS) and all(EXAMPLES.values())


@pytest.mark.parametrize(("verb", "example"), CASES)
def test_an_example_is_a_command_of_its_verb(verb: str, example: str) -> None:
    words = shlex.split(example.partition(" > ")[0])
    assert words[0] == verb
    check_parses(["python", "-m", "search", *words])


def test_the_help_shows_each_on_a_line_of_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "search", "launch", "--help"],
        capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "100"},
    )  # fmt: skip
    lines = [line.strip() for line in done.stdout.splitlines()]
    after = lines[lines.index("Examples:") + 1 :]
    assert [line for line in after if line] == [
        f"python -m search {example}" for example in EXAMPLES["launch"]
    ]
