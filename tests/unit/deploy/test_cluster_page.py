"""The commands in docs/cluster.md: scripts, variables, services, commands and flags exist."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import yaml

from search.commands.app import app

REPOSITORY = Path(__file__).parents[3]
PAGE = (REPOSITORY / "docs" / "cluster.md").read_text()
SERVICES = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"]
VERBS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def commands() -> Iterator[str]:
    """Each line of a block of code, with continued lines joined."""
    for block in re.findall(r"^```\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE):
        yield from block.replace("\\\n", " ").strip().splitlines()


def check_variables(script: str, names: list[str]) -> None:
    comments = (REPOSITORY / script).read_text().partition("set -euo pipefail")[0]
    for name in names:
        assert re.search(rf"\b{name}\b", comments), f"{script} does not mention {name}"


def check_verb(verb: str, arguments: list[str]) -> None:
    flags = {flag for option in VERBS[verb].params for flag in option.opts}
    for argument in arguments:
        if argument.startswith("--"):
            assert argument in flags, f"{verb} has no {argument}"


@pytest.mark.parametrize("command", tuple(commands()))
def test_a_command_of_the_page(command: str) -> None:
    words = shlex.split(command)
    if words[0] == "export":
        check_exported([word.partition("=")[0] for word in words[1:]])
        return
    names = []
    while "=" in words[0]:
        names.append(words.pop(0).partition("=")[0])
    match words:
        case ["python", "-m", "search", verb, *arguments]:
            check_verb(verb, arguments)
        case ["deploy/search.sh", verb, *arguments]:
            check_variables("deploy/search.sh", names)
            check_verb(verb, arguments)
        case [
            "sbatch",
            *options,
            "deploy/slurm.sh",
            "--study",
            study,
            "--trials",
            n,
            "--workers",
            w,
        ]:
            text = (REPOSITORY / "deploy" / "slurm.sh").read_text()
            assert all(f"#SBATCH {option.partition('=')[0]}" in text for option in options)
            check_verb("launch", ["--study", study, "--trials", n, "--workers", w])
        case ["docker", "compose", *rest]:
            check_compose(rest)
        case [script]:
            assert (REPOSITORY / script).is_file()
            check_variables(script, names)
        case _:
            raise AssertionError(f"there is no check for this command: {command}")


def check_exported(names: list[str]) -> None:
    scripts = [path.read_text() for path in (REPOSITORY / "deploy").glob("*.sh")]
    for name in names:
        assert any(re.search(rf"^#   .*\b{name}\b|^# .*{name}=", text, re.M) for text in scripts)


def check_compose(words: list[str]) -> None:
    scaled = [word.partition("=")[0] for word in words if "=" in word]
    assert set(scaled) <= set(SERVICES)
    if "run" in words:
        service, script, verb, *arguments = words[words.index("--rm") + 1 :]
        assert SERVICES[service]["command"][0] == script
        check_verb(verb, arguments)


def test_the_page_names_each_script() -> None:
    for path in (REPOSITORY / "deploy").glob("*.sh"):
        if path.name != "answers.sh":
            assert f"deploy/{path.name}" in PAGE, path.name


def test_the_page_names_each_secret() -> None:
    for name in yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["secrets"]:
        assert f"| `{name}` |" in PAGE


def test_commands_and_flags_in_the_text_exist() -> None:
    flags = {flag for verb in VERBS.values() for option in verb.params for flag in option.opts}
    inline = re.findall(r"`(--[a-z-]+)", PAGE)
    others = {"--profile", "--scale"}
    assert inline and set(inline) <= flags | others, set(inline) - flags
    assert set(re.findall(r"python -m search ([a-z]+)", PAGE)) <= set(VERBS)
