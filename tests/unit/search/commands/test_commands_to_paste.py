"""Every command that is printed or advised is valid and quoted."""

import ast
import dataclasses
import datetime
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

import search.commands.app
import trainer.commands.app
from search.commands.ending import with_storage
from search.commands.naming_progress import NamingProgress
from search.config.configuration import LaunchConfig
from search.records.counts import Counts
from search.reporting.markdown import study_note
from search.reporting.reading import view_study
from search.reporting.study_view import State, StudyView
from search.reporting.terminal import _next_commands
from tests.fakes.store import SilentProgress
from tests.unit.search.config.test_settings import record_of
from trainer.console.shell import search_command, shell_text, trainer_command

ROOT = Path(__file__).resolve().parents[4]
PACKAGES = ("search", "trainer", "storage")
PROGRAMS = {
    "search": typer.main.get_command(search.commands.app.app),
    "trainer": typer.main.get_command(trainer.commands.app.app),
}
#: The class of every refusal of the command line.
USAGE_ERROR = typer.BadParameter.__mro__[1]
#: An example for every field of a message: a text, a number and a path alike.
FILLED = "7"
NAMES = (
    "my study (1)", "a & b", "$HOME `x`", "it's", '"', "-x", "--storage", "研究", "a;b|c>d", "*",
)  # fmt: skip
ADDRESS = "postgresql://um@127.0.0.1:5432/um?sslmode=prefer&connect_timeout=7"
#: Functions that build commands, by name; ``command`` is that of ``StudyView``.
MAKERS = {
    "search_command": search_command,
    "command": search_command,
    "trainer_command": trainer_command,
}


def check_parses(words: list[str]) -> None:
    """Refuses arguments whose names or number the program would refuse."""
    assert words[:2] == ["python", "-m"], words
    command, rest = PROGRAMS[words[2]], words[3:]
    while isinstance(command, TyperGroup):
        assert rest and rest[0] in command.commands, words
        command, rest = command.commands[rest[0]], rest[1:]
    command.make_context(command.name, list(rest))


def texts_of(tree: ast.Module) -> Iterator[str]:
    """All strings of a module except docstrings, with examples in place of their fields."""
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


def modules_with(text: str) -> Iterator[ast.Module]:
    """The modules whose source has a text: to parse all of them takes seconds."""
    for path in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if text in source:
            yield ast.parse(source)


def advised() -> list[str]:
    found = set()
    for module in modules_with("python"):
        for text in texts_of(module):
            found |= set(re.findall(r"`(python -m [^`]+)`", text))
            found |= set(re.findall(r"(?<!`)\b(python -m (?:search|trainer) [a-z].*)$", text))
    return sorted(found)


def built() -> list[tuple[str, ...]]:
    """Calls of functions that build commands, with examples in place of variables."""
    found = []
    for module in modules_with("command("):
        for node in ast.walk(module):
            if not (isinstance(node, ast.Call) and node.args):
                continue
            name = called(node.func)
            if name not in MAKERS or not isinstance(node.args[0], ast.Constant):
                continue
            words = [
                str(argument.value) if isinstance(argument, ast.Constant) else FILLED
                for argument in node.args
                if not isinstance(argument, ast.Starred)
            ]
            named = {"study": FILLED} if is_named(name, node) else {}
            found.append(MAKERS[name](*words, **named))
    return found


def called(function: ast.expr) -> str:
    """The name of a function; empty for a method of Typer."""
    match function:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id=owner), attr=name) if not owner.endswith("app"):
            return name
        case ast.Attribute(value=ast.Attribute(), attr=name):
            return name
    return ""


def is_named(maker: str, call: ast.Call) -> bool:
    """Whether a call names a study: ``StudyView.command`` does by default."""
    return bool(call.keywords) if maker != "command" else not call.keywords


@pytest.mark.parametrize(
    "text", ["moon", "resume a b", "launch --moon", "stop --trials 3", "launch --trials many"]
)
def test_a_command_that_is_not_taken_is_seen(text: str) -> None:
    with pytest.raises((AssertionError, USAGE_ERROR), match=r"moon|\(b\)|--trials|valid integer"):
        check_parses(["python", "-m", "search", *text.split()])


def test_the_commands_exist() -> None:
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
        text for module in modules_with("`") for text in texts_of(module) if short.search(text)
    }
    assert found == set()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("finished", [1, 0])
def test_the_next_commands_survive_a_shell(name: str, finished: int) -> None:
    record = dataclasses.replace(record_of(LaunchConfig()), name=name)
    view = view_study(record, [], driver=None, test=None, storage=("--storage", ADDRESS))
    view = dataclasses.replace(view, counts=Counts(complete=finished))
    for item in _next_commands(view):
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


def test_a_name_like_a_flag_is_not_a_flag() -> None:
    command = search_command("resume", "--trials", 9, study="-x")
    assert shell_text(command) == "python -m search resume --trials 9 -- -x"
    check_parses(list(command))


def test_a_file_that_output_goes_to_is_quoted() -> None:
    command = trainer_command("presets", "own")
    assert (
        shell_text(command, into="my run.toml") == "python -m trainer presets own > 'my run.toml'"
    )


def elsewhere() -> StudyView:
    record = record_of(LaunchConfig())
    return view_study(record, [], driver=None, test=None, storage=("--storage", ADDRESS))


@pytest.mark.parametrize("state", ["running", "paused", "finished"])
def test_commands_in_a_note_name_the_database(state: State) -> None:
    now = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
    note = study_note(elsewhere(), state=state, now=now)
    commands = re.findall(r"`(python -m [^`]+)`", note)
    assert len(commands) >= 2
    for command in commands:
        words = shlex.split(command)
        check_parses(words)
        assert words[words.index("--storage") + 1] == ADDRESS


def test_commands_in_an_error_name_the_database() -> None:
    text = "no study 'x': `python -m search list` shows all, `python -m search schema` prints"
    assert with_storage(text, ("--storage", "embedded:/a b")) == (
        "no study 'x': `python -m search list --storage 'embedded:/a b'` shows all,"
        " `python -m search schema` prints"
    )
    assert with_storage(text, ()) == text
    named = "`python -m search resume --trials 9 --storage embedded:/x -- -x` continues it"
    assert with_storage(named, ("--storage", "embedded:/x")) == named


def test_commands_in_an_event_of_a_search_name_the_database() -> None:
    shown = SilentProgress()
    with NamingProgress(shown, ("--storage", ADDRESS)) as progress:
        progress.event("no test score: run `python -m search best study`")
    (line,) = shown.events
    assert shlex.split(line.split("`")[1])[4:6] == ["--storage", ADDRESS]
