"""Studies as files for other programs, and as objects for notebooks."""

import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import optuna
import pytest
from optuna.artifacts import get_all_artifact_meta
from optuna_dashboard import get_note, save_note
from typer.testing import CliRunner

import search
from search.commands.app import app
from search.records.stored_picture import pictures_of, places_of
from storage.address import STORAGE_VARIABLE, parse_address
from storage.database import Database, open_database
from tests.fakes.search_process import STUDY, run_search
from tests.fakes.stored_trials import others_study, stored_trials
from tests.integration.conftest import TEMPLATE, _fresh

TRIALS = 4
#: A program of a user who has Optuna and its dashboard, but not this package.
STOCK = """
import sys, json, optuna
from optuna_dashboard import get_note
study = optuna.load_study(study_name=None, storage=f"sqlite:///{sys.argv[1]}")
print(json.dumps({
    "name": study.study_name,
    "direction": study.direction.name,
    "values": [trial.values for trial in study.trials],
    "states": [trial.state.name for trial in study.trials],
    "reasons": [trial.user_attrs.get("prune_reason") for trial in study.trials],
    "scores": [len(trial.intermediate_values) for trial in study.trials],
    "note": get_note(study),
    "objective": study.user_attrs["config"]["search"]["objective"],
}))
assert not {"search", "storage", "trainer"} & set(sys.modules)
"""


@pytest.fixture(scope="module")
def searched(
    _template: Database, embedded_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Address of a database with a searched study that has a note."""
    for address in _fresh(_template, embedded_root, template=TEMPLATE):
        run_search(address, tmp_path_factory.mktemp("checkpoints"), trials=TRIALS)
        with open_database(parse_address(address)) as database:
            with others_study(database, STUDY) as study:
                save_note(study, "*my* note")
        yield address


def export(address: str, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["export", *arguments, "--storage", address])
    return result.exit_code, result.output


def test_stock_optuna_opens_an_exported_file(searched: str, tmp_path: Path) -> None:
    file = tmp_path / "study.db"
    code, said = export(searched, STUDY, str(file))
    assert code == 0, said
    done = subprocess.run(
        [sys.executable, "-c", STOCK, str(file)],
        cwd=tmp_path, capture_output=True, text=True, check=True,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
    )  # fmt: skip
    found = json.loads(done.stdout)
    with open_database(parse_address(searched)) as database:
        trials = stored_trials(database, STUDY)
    assert found["values"] == [trial.values for trial in trials]
    assert found["states"] == [trial.state.name for trial in trials]
    assert found["reasons"] == [trial.user_attrs.get("prune_reason") for trial in trials]
    assert found["scores"] == [len(trial.intermediate_values) for trial in trials]
    assert (found["name"], found["direction"]) == (STUDY, "MAXIMIZE")
    assert (found["note"], found["objective"]) == ("*my* note", "miou-accuracy")
    assert [path.name for path in tmp_path.iterdir()] == ["study.db"]


def test_an_export_says_where_the_pictures_are_and_how_to_see_them(
    searched: str, tmp_path: Path
) -> None:
    with open_database(parse_address(searched)) as database:
        (trial, *_) = stored_trials(database, STUDY)
        with others_study(database, STUDY) as study:
            (place,) = places_of(study._storage.get_study_system_attrs(study._study_id))
    (picture,) = pictures_of(trial.system_attrs)
    assert (Path(place) / picture.artifact).is_file()
    _, said = export(searched, STUDY, str(tmp_path / "study.db"))
    assert f"its pictures stay in {place}: copy them, too" in said
    assert f"next: optuna-dashboard sqlite:///{tmp_path}/study.db --artifact-dir {place}" in said
    copy = optuna.load_study(study_name=STUDY, storage=f"sqlite:///{tmp_path}/study.db")
    (meta,) = get_all_artifact_meta(copy.trials[0], storage=copy._storage)
    assert (meta.artifact_id, meta.filename) == (picture.artifact, picture.file)


def test_a_file_is_never_replaced(searched: str, tmp_path: Path) -> None:
    for name in ("study.db", "study.csv", "study.jsonl"):
        (tmp_path / name).write_text("mine")
        code, said = export(searched, STUDY, str(tmp_path / name))
        assert code == 2 and "already exists: give another name" in said
        assert (tmp_path / name).read_text() == "mine"


def test_trials_are_printed_as_csv_and_json(searched: str) -> None:
    _, text = export(searched, STUDY, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    _, printed = export(searched, STUDY, "--format", "json")
    found = json.loads(printed)
    assert [int(row["trial"]) for row in rows] == list(range(TRIALS))
    for row, trial in zip(rows, found["trials"], strict=True):
        assert float(row["params.lambda_self"]) == trial["params"]["lambda_self"]
        assert float(row["value"]) == trial["value"] and row["started"] == trial["started"]
        assert len(trial["reports"]) == len(trial["scores"]) > 0
    assert found["study"] == STUDY and found["config"]["search"]["objective"]


def test_a_dash_is_standard_output(
    searched: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert export(searched, STUDY, "-", "--format", "csv") == export(
        searched, STUDY, "--format", "csv"
    )
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_one_line(
    searched: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> NoReturn:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(sqlite3, "connect", full)
    code, said = export(searched, STUDY, str(tmp_path / "study.db"))
    assert code == 2 and said.startswith(f"error: cannot write {tmp_path / 'study.db'} (")
    assert said.endswith("is full): free space, or give another folder\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["study.xlsx"], "unknown format 'xlsx'"),
        ([], "unknown format ''"),
        (["--format", "db"], "--format db is not text"),
    ],
)
def test_an_unknown_format_is_refused(arguments: list[str], message: str, searched: str) -> None:
    code, said = export(searched, STUDY, *arguments)
    assert code == 2 and message in said


def test_a_notebook_reads_a_study(searched: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STORAGE_VARIABLE, searched)
    study = search.open_study(STUDY)
    assert len(study.trials) == TRIALS and get_note(study) == "*my* note"
    study.set_user_attr("mine", 1)  # changes the copy alone
    results = search.load_results(STUDY)
    assert "mine" not in results.attributes and "config" not in results.attributes
    assert results.view.best is not None
    assert results.view.best.number == study.best_trial.number
    assert set(results.reports) == set(range(TRIALS))


def test_only_known_names_are_found() -> None:
    with pytest.raises(AttributeError, match="no attribute 'open_studies'"):
        getattr(search, "open_" + "studies")
