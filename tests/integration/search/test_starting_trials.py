"""Starting points and canonical vectors, as PostgreSQL stores them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from search.commands.app import app
from search.config.configuration import LaunchConfig
from search.driver.claiming import create
from search.driver.driver import Ending
from search.launch.starting_points import StartingPoint, as_queued
from search.reporting.as_json import results_json
from search.reporting.reading import read_details, read_study
from search.spaces import Space
from search.spaces.canonical import canonical_vector, same_vector
from storage.database import Database
from storage.optuna_store import one_transaction
from storage.studies import get_study
from tests.fakes.search_process import STUDY, claim, new_study, run_search
from tests.fakes.stored_trials import stored_trials

TRIALS = 6


def test_a_search_begins_with_its_starting_points(database: Database, tmp_path: Path) -> None:
    new = new_study(TRIALS)
    space = Space.from_json(new.space)
    params = {**space.defaults, "b_self": 0.25}
    points = [StartingPoint(params=params, origin="trial 3 of nyu-1 (data set nyu)")]
    create(database, STUDY, new, as_queued(points, space.defaults))
    assert run_search(str(database.address), tmp_path, trials=TRIALS) is Ending.FINISHED
    first, second, third, *others = read_study(database, STUDY).trials
    assert first.params == space.defaults
    assert first.queued == "as a starting point: the default values"
    assert second.params == params
    assert second.queued == "as a starting point: trial 3 of nyu-1 (data set nyu)"
    assert third.queued == ""
    assert len(others) == TRIALS - 3


@pytest.fixture
def searched(database: Database, tmp_path: Path) -> LaunchConfig:
    assert run_search(str(database.address), tmp_path, trials=TRIALS) is Ending.FINISHED
    return LaunchConfig.from_table(get_study(database.engine, STUDY).config)


def test_every_trial_stores_its_canonical_vector(
    database: Database, searched: LaunchConfig
) -> None:
    for trial in read_study(database, STUDY).trials:
        assert trial.canonical == canonical_vector(trial.params, searched.train)


def test_a_study_without_stored_vectors_exports_the_same(
    database: Database, searched: LaunchConfig
) -> None:
    """As studies of earlier versions are."""
    stored = results_json(read_details(database, STUDY))
    with one_transaction(database) as (connection, _):
        connection.exec_driver_sql("DELETE FROM trial_user_attributes WHERE key = 'canonical'")
    assert not read_study(database, STUDY).trials[0].canonical
    found = results_json(read_details(database, STUDY))
    assert [each["canonical"] for each in found["trials"]] == [
        each["canonical"] for each in stored["trials"]
    ]


def test_trials_of_another_space_are_imported_as_the_same_runs(
    database: Database, tmp_path: Path
) -> None:
    """Those of a study of ratios; a second import finds them, whatever the space."""
    claim(database, TRIALS, 1)
    record = get_study(database.engine, STUDY)
    own = LaunchConfig.from_table(record.config)
    table = own.to_table()
    table["search"] = {**table["search"], "space": "ratio"}
    ratio = LaunchConfig.from_table(table)
    params = ratio.space().defaults
    trial = {"trial": 3, "outcome": "complete", "value": 12.5, "params": params, "scores": {}}
    content = {"objective": "miou-accuracy", "config": ratio.to_table()}
    path = tmp_path / "ratio.json"
    path.write_text(json.dumps({**content, "trials": [{**trial, "reason": ""}]}))
    command = ["import-trials", str(path), "--study", STUDY]
    command += ["--storage", str(database.address)]
    found = CliRunner().invoke(app, command)
    assert f"study {STUDY}: 1 trials imported" in found.output, found.output
    (imported,) = stored_trials(database, STUDY)
    assert imported.params.keys() == own.space().defaults.keys()
    assert same_vector(
        canonical_vector(imported.params, own.train), canonical_vector(params, ratio.train)
    )
    found = CliRunner().invoke(app, command)
    assert "0 trials imported" in found.output, found.output
