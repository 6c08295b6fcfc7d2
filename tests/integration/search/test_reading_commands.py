"""The commands that read, run on a real database: what they have imported by their end."""

import json
import os
import subprocess
import sys
from pathlib import Path

import optuna
import pytest

from search.config.configuration import resolve
from storage.address import STORAGE_VARIABLE
from storage.database import Database
from storage.optuna_store import open_optuna
from storage.studies import NewStudy, create_study

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
