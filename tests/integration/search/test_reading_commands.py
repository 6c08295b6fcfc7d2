"""Reading commands on a real database: their output, and the modules that they import."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
from typer.testing import CliRunner

from search.commands.app import app
from search.config.configuration import resolve
from storage.address import STORAGE_VARIABLE, parse_address
from storage.database import Database, open_database
from storage.lease import Lease
from storage.optuna_store import open_optuna
from storage.studies import NewStudy, create_study
from tests.fakes.output_schema import check_output
from tests.fakes.search_process import STUDY, claim, new_study, run_search
from tests.integration.conftest import TEMPLATE, _fresh
from tests.unit.search.commands.test_commands_to_paste import check_parses

TRIALS = 14

PROGRAM = """
import sys
from search.commands.app import main
sys.argv = ["search", *sys.argv[1:]]
try:
    main()
except SystemExit:
    pass
slow = {"torch", "ray", "scipy", "numpy", "optuna", "alembic"}
print("imported:", *sorted(slow & set(sys.modules)))
"""


@pytest.fixture(scope="module")
def searched(
    _template: Database, embedded_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Address of a database with a searched study, and another one without a trial."""
    for address in _fresh(_template, embedded_root, template=TEMPLATE):
        run_search(address, tmp_path_factory.mktemp("checkpoints"), trials=TRIALS)
        with open_database(parse_address(address)) as database:
            create_study(database.engine, "another", new_study(3))
        yield address


@pytest.fixture
def study(database: Database) -> str:
    """A study with one complete trial."""
    config = resolve("rooms", None, {})
    space = config.space()
    new = NewStudy(
        config=config.to_table(), space=space.to_json(), seed=0, trials=1, versions={},
        revision=None, fingerprints={}, lag=1,
    )  # fmt: skip
    name = create_study(database.engine, "rooms-1", new).name
    storage = open_optuna(database)
    made = optuna.create_study(study_name=name, storage=storage, direction="maximize")
    made.add_trial(
        optuna.trial.create_trial(
            value=31.5,
            params=space.defaults,
            distributions=space.distributions,
            system_attrs={"constraints:collapse": 0.0},
        )
    )
    return name


@pytest.mark.parametrize("verb", ["list", "status", "best"])
def test_a_study_is_shown_without_optuna(verb: str, study: str, database_address: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, verb],
        env={**os.environ, STORAGE_VARIABLE: database_address},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "31.5" in done.stdout and (study in done.stdout or verb == "best")
    assert done.stdout.splitlines()[-1] == "imported:"


def test_a_report_is_written_from_the_database(
    study: str, database_address: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "search", "report", study]
    environment = {**os.environ, STORAGE_VARIABLE: database_address}
    done = subprocess.run(
        [*command, "--out", str(tmp_path)],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"report: {tmp_path / 'report.html'}" in done.stdout
    assert "Best trial 0: 31.50" in (tmp_path / "report.html").read_text(encoding="utf-8")
    printed = subprocess.run(
        [*command, "--json"], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert json.loads(printed) == json.loads((tmp_path / "health.json").read_text())


@pytest.mark.parametrize(
    ("arguments", "definition"),
    [
        (["list"], "list"),
        (["status", STUDY], "status"),
        (["status", STUDY, "--watch"], "status"),
        (["best", STUDY], "best"),
        (["show", STUDY, "1"], "show"),
        (["compare", STUDY, "another"], "compare"),
        (["calibrate", STUDY], "calibrate"),
        (["next", STUDY], "next"),
        (["report", STUDY], "health"),
        (["export", STUDY, "--format", "json"], "export"),
        (["doctor", "--preset", "rooms"], "doctor"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_json_matches_the_schema(arguments: list[str], definition: str, searched: str) -> None:
    """Nothing else is printed, not even the next command."""
    flags = [] if arguments[0] == "export" else ["--json"]
    found = CliRunner().invoke(app, [*arguments, *flags, "--storage", searched])
    assert found.exit_code == 0, found.output
    check_output(definition, found.stdout)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list"], "python -m search status another"),
        (["status", STUDY], f"python -m search next {STUDY}"),
        (["best", STUDY], f"python -m search confirm {STUDY}"),
        (["show", STUDY, "1"], f"python -m search status {STUDY}"),
        (["compare", STUDY, "another"], "python -m search report"),
        (["stop", STUDY], f"python -m search next {STUDY}"),
        (["stop", "another"], "python -m search resume another"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_last_line_is_a_command_that_works_when_pasted(
    arguments: list[str], message: str, searched: str
) -> None:
    found = CliRunner().invoke(app, [*arguments, "--storage", searched])
    last = found.stdout.splitlines()[-1]
    assert last.startswith(f"next: {message}")
    words = shlex.split(last.removeprefix("next: "))
    check_parses(words)
    assert parse_address(words[words.index("--storage") + 1]) == parse_address(searched)


def test_a_calibration_is_printed_as_text_and_as_csv(searched: str) -> None:
    printed = {
        name: CliRunner().invoke(
            app, ["calibrate", STUDY, "--format", name, "--storage", searched]
        )
        for name in ("text", "csv")
    }
    assert all(found.exit_code == 0 for found in printed.values())
    assert "ceiling    unknown" in printed["text"].stdout
    head, *rows = printed["csv"].stdout.splitlines()
    assert head.startswith("criterion,lower,runs,rho,")
    assert any(row.startswith("miou,False,") for row in rows)


def test_an_empty_database_names_itself_in_the_command_to_launch(database_address: str) -> None:
    shown = CliRunner().invoke(app, ["list", "--storage", database_address]).stdout
    words = shlex.split(shown.splitlines()[-1].removeprefix("next: "))
    check_parses(words)
    assert words[3:] == ["launch", "--storage", parse_address(database_address).masked()]


def test_a_search_that_was_asked_to_stop_is_watched_next(
    database: Database, database_address: str
) -> None:
    """``resume`` is refused until its evaluations in progress have ended."""
    claim(database, TRIALS, 1)
    with Lease.acquire(database, STUDY):
        shown = CliRunner().invoke(app, ["stop", STUDY, "--storage", database_address]).stdout
    assert shown.splitlines()[-1].startswith(f"next: python -m search attach {STUDY} ")


def test_the_printed_next_command_can_be_run(searched: str) -> None:
    shown = CliRunner().invoke(app, ["status", STUDY, "--storage", searched])
    words = shlex.split(shown.stdout.splitlines()[-1].removeprefix("next: "))
    found = CliRunner().invoke(app, words[3:])
    assert found.exit_code == 0 and "1. " in found.stdout, found.output
    for line in found.stdout.splitlines():
        if line.startswith("   python -m search"):
            check_parses(shlex.split(line.split(" > ")[0]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", STUDY, "99"], f"has no trial 99: the last one is {TRIALS - 1}"),
        (["show", "another", "0"], "it has none yet"),
        (["compare", STUDY], "give two or more"),
        (["compare", STUDY, "none"], "there is no study 'none'"),
        (["next", "none"], "there is no study 'none'"),
        (["calibrate", "another"], "cannot be calibrated: it has no full run yet"),
        (["calibrate", STUDY, "--format", "toml"], "choose text, json, csv"),
        (["calibrate", STUDY, "--json", "--format", "csv"], "exclude each other"),
        (["best", STUDY, "--json", "--format", "toml"], "exclude each other"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_request_is_one_line(arguments: list[str], message: str, searched: str) -> None:
    found = CliRunner().invoke(app, [*arguments, "--storage", searched])
    assert (found.exit_code, found.output.count("\n")) == (2, 1) and message in found.output
