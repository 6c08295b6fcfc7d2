"""Every command that is printed or advised is one that the command line takes, and is quoted."""

import ast
import dataclasses
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

import search.commands.app
import trainer.commands.app
from search.config.configuration import LaunchConfig
from search.records.counts import Counts
from search.reporting.reading import view_study
from search.reporting.terminal import _next_commands
from tests.unit.search.config.test_settings import record_of
from trainer.console.shell import search_command, shell_text, trainer_command

ROOT = Path(__file__).resolve().parents[4]
PACKAGES = ("search", "trainer", "storage")
PROGRAMS = {
    "search": typer.main.get_command(search.commands.app.app),
    "trainer": typer.main.get_command(trainer.commands.app.app),
}
#: What every refusal of the command line is.
USAGE_ERROR = typer.BadParameter.__mro__[1]
#: Stands for what a message fills in: a text, a number and a path alike.
FILLED = "7"
NAMES = (
    "my study (1)", "a & b", "$HOME `x`", "it's", '"', "-x", "--storage", "研究", "a;b|c>d", "*",
)  # fmt: skip
ADDRESS = "postgresql://um@127.0.0.1:5432/um?sslmode=prefer&connect_timeout=7"


def check_parses(words: list[str]) -> None:
    """Refuses what the program would refuse of names and numbers of arguments."""
    assert words[:2] == ["python", "-m"], words
    command, rest = PROGRAMS[words[2]], words[3:]
    while isinstance(command, TyperGroup):
        assert rest and rest[0] in command.commands, words
        command, rest = command.commands[rest[0]], rest[1:]
    command.make_context(command.name, list(rest))


def texts_of(tree: ast.Module) -> Iterator[str]:
    """All strings of a module but docstrings, with what is filled in standing as it may."""
    inside = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                inside.add(id(first.value))
        if isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in node.values}
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else FILLED
                for part in node.values
            )
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in inside:
                yield node.value


def modules() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def advised() -> list[str]:
    found = set()
    for path in modules():
        for text in texts_of(ast.parse(path.read_text(encoding="utf-8"))):
            found |= set(re.findall(r"`(python -m [^`]+)`", text))
            found |= set(re.findall(r"(?<!`)\b(python -m (?:search|trainer) [a-z].*)$", text))
    return sorted(found)


def built() -> list[tuple[str, ...]]:
    """Calls of the functions that build commands, with what is no constant filled in."""
    found = []
    makers = {"search_command": search_command, "trainer_command": trainer_command}
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            if node.func.id not in makers or not isinstance(node.args[0], ast.Constant):
                continue
            words = [
                str(argument.value) if isinstance(argument, ast.Constant) else FILLED
                for argument in node.args
                if not isinstance(argument, ast.Starred)
            ]
            named = {"study": FILLED} if node.keywords else {}
            found.append(makers[node.func.id](*words, **named))
    return found


@pytest.mark.parametrize(
    "text", ["moon", "resume a b", "launch --moon", "stop --trials 3", "launch --trials many"]
)
def test_a_command_that_is_not_taken_is_seen(text: str) -> None:
    with pytest.raises((AssertionError, USAGE_ERROR), match=r"moon|\(b\)|--trials|valid integer"):
        check_parses(["python", "-m", "search", *text.split()])


def test_there_are_such_commands() -> None:
    assert len(advised()) >= 6 and len(built()) >= 6


@pytest.mark.parametrize("text", advised())
def test_a_command_in_a_message_is_taken(text: str) -> None:
    check_parses(shlex.split(text))


@pytest.mark.parametrize("command", built(), ids=shell_text)
def test_a_command_that_is_built_is_taken(command: tuple[str, ...]) -> None:
    check_parses(list(command))


def test_no_message_shortens_a_command() -> None:
    short = re.compile(r"`(search|trainer) [a-z]")
    found = {
        f"{path.relative_to(ROOT)}: {text}"
        for path in modules()
        for text in texts_of(ast.parse(path.read_text(encoding="utf-8")))
        if short.search(text)
    }
    assert found == set()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("finished", [1, 0])
def test_the_next_commands_survive_a_shell(name: str, finished: int) -> None:
    record = dataclasses.replace(record_of(LaunchConfig()), name=name)
    view = view_study(record, [], driver=None, test=None)
    view = dataclasses.replace(view, counts=Counts(complete=finished))
    for item in _next_commands(view, ("--storage", ADDRESS)):
        words = shlex.split(item.command)
        end = words.index(">") if ">" in words else len(words)
        own, rest = words[:end], words[end:]
        assert rest in (
            [],
            [">", "best.toml", "&&", "python", "-m", "trainer", "fit", "best.toml"],
        )
        check_parses(own)
        assert ADDRESS in own
        assert own[3] == "dashboard" or name in own


def test_a_name_like_a_flag_is_no_flag() -> None:
    command = search_command("resume", "--trials", 9, study="-x")
    assert shell_text(command) == "python -m search resume --trials 9 -- -x"
    check_parses(list(command))


def test_a_file_that_output_goes_to_is_quoted() -> None:
    command = trainer_command("presets", "own")
    assert (
        shell_text(command, into="my run.toml") == "python -m trainer presets own > 'my run.toml'"
    )
