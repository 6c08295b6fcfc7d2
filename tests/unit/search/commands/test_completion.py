"""Completion in bash: what is offered, what it costs, and how it is installed."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from search.commands import completion
from search.commands.app import COMMANDS, app
from search.errors import SearchError

ROOT = Path(__file__).parents[4]
VERBS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
#: Slow to import, and of no use before a command runs.
HEAVY = ("torch", "ray", "timm", "scipy", "numpy", "optuna", "alembic", "matplotlib", "boto3")
#: Presses Tab after a command line, and prints what bash would offer.
TAB = """
source {script}
COMP_WORDS=({words} {beginning}) COMP_CWORD={index}
_umss_complete
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def offered(*before: str, beginning: str = "") -> list[str]:
    return list(completion.candidates(before, beginning, VERBS))


def test_verbs_come_first() -> None:
    assert offered() == list(COMMANDS)
    assert offered(beginning="exp") == ["export", "export-study"]
    assert offered(beginning="nothing") == []


def test_options_are_those_of_the_verb_that_are_not_given_yet() -> None:
    assert offered("stop", beginning="--") == ["--storage", "--password-file", "--help"]
    assert offered("stop", "--storage", "embedded", beginning="--s") == []
    assert "--no-reuse" not in offered("status", beginning="--")
    assert {"--plain", "--live"} <= set(offered("launch", beginning="--"))


@pytest.mark.parametrize(
    "before", [("stop",), ("unknown",), ("stop", "--storage"), ("stop", "--", "study")]
)
def test_values_are_left_to_the_shell(before: tuple[str, ...]) -> None:
    assert offered(*before, beginning="e" if before[-1] != "study" else "-") == []


@pytest.mark.parametrize("index", ["", "x", "2", "9", "-1"])
def test_damaged_variables_offer_nothing(index: str) -> None:
    words = "python\n-m\nsearch\nst"
    environment = {completion.COMPLETE_VARIABLE: index, "UMSS_COMPLETE_WORDS": words}
    assert completion.completed(environment, VERBS) == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "beginning", "found"),
    [
        ("-m search", "sta", ["status"]),
        ("-m search import-trials", "--va", ["--value"]),
        ("-m search launch --study 'a b'", "--dry", ["--dry-run"]),
        ("-m other", "sta", []),
        ("search", "sta", []),
    ],
)
def test_bash_completes(words: str, beginning: str, found: list[str], tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(completion.SCRIPT)
    line = f"{sys.executable} {words}"
    program = TAB.format(
        script=shlex.quote(str(script)),
        words=line,
        beginning=beginning,
        index=len(shlex.split(line)),
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", program],
        cwd=ROOT, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert [line for line in done.stdout.splitlines() if line] == found and done.stderr == ""


def test_completing_imports_nothing_slow() -> None:
    program = (
        "import sys\nfrom search.commands import completion\n"
        "from search.commands.app import _Commands\n"
        f"for verb in {list(COMMANDS)!r}:\n"
        "    assert list(completion.candidates([verb], '--', _Commands()))\n"
        f"    print(verb, *sorted(name for name in {HEAVY!r} if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == list(COMMANDS)


def test_the_script_is_shown_and_installed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".bashrc").write_text("mine")
    for _ in range(2):
        done = CliRunner().invoke(app, ["--install-completion"])
        assert done.exit_code == 0 and "completion for bash is in" in done.output
    stored = tmp_path / completion.STORED
    assert (tmp_path / ".bashrc").read_text() == f"mine\nsource ~/{completion.STORED}\n"
    shown = CliRunner().invoke(app, ["--show-completion"])
    assert shown.output == stored.read_text() == completion.SCRIPT


def test_a_home_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / ".config").write_text("a file")
    with pytest.raises(SearchError, match="save what --show-completion") as caught:
        completion.install(tmp_path, print)
    assert "\n" not in str(caught.value)
