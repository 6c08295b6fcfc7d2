"""Finished trials of other searches become history of a study, and never count as its own."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from typer.testing import CliRunner

from search.commands.app import app
from search.driver.driver import Ending
from search.records.stored_trial import is_imported
from search.reporting.reading import read_details, read_study
from search.samplers.startup import STARTUP_TRIALS
from search.spaces import Space
from storage.database import Database
from storage.lease import Lease
from storage.studies import get_study, set_target
from tests.fakes.search_process import STUDY, claim, run_search
from tests.fakes.stored_trials import stored_trials
from tests.integration.conftest import TEMPLATE, _fresh
from tests.integration.search.test_others_write import search

SOURCE_TRIALS, TRIALS = 24, 6
VALUE = "summary.score"


@pytest.fixture(scope="module")
def files(
    _template: Database, embedded_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Folder with a searched study in each format."""
    folder = tmp_path_factory.mktemp("files")
    for address in _fresh(_template, embedded_root, template=TEMPLATE):
        run_search(address, tmp_path_factory.mktemp("checkpoints"), trials=SOURCE_TRIALS)
        for extension in ("csv", "json", "jsonl", "db"):
            command = ["export", STUDY, str(folder / f"trials.{extension}"), "--storage", address]
            found = CliRunner().invoke(app, command)
            assert found.exit_code == 0, found.output
        yield folder


@pytest.fixture
def study(database: Database) -> Space:
    """A study that no driver has run yet; its search space."""
    claim(database, TRIALS, 1)
    return Space.from_json(get_study(database.engine, STUDY).space)


def run(address: str, file: Path, *arguments: str) -> tuple[int, str]:
    command = ["import-trials", str(file), "--study", STUDY, "--storage", address, *arguments]
    found = CliRunner().invoke(app, command)
    return found.exit_code, found.output


def refusal(address: str, file: Path, *arguments: str) -> str:
    """The one line that refuses a file."""
    code, said = run(address, file, *arguments)
    assert code == 2 and said.startswith("error: ") and said.count("\n") == 1, said
    return said


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


def write_rows(file: Path, rows: list[dict[str, Any]]) -> Path:
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


def runs_of_wandb(space: Space, count: int) -> list[dict[str, Any]]:
    """A table of runs as Weights & Biases exports it."""
    rows: list[dict[str, Any]] = [
        {
            "Name": f"ruby-sweep-{number}",
            "State": "finished",
            "Runtime": 71,
            "data.name": "rooms",
            **{
                f"hyper.{each.name}": each.low
                + (each.high - each.low) * (number + 1) / (count + 1)
                for each in space.hyper_parameters
            },
            VALUE: 20.0 + number,
        }
        for number in range(count)
    ]
    return rows


@pytest.mark.parametrize("extension", ["csv", "json", "jsonl", "db"])
def test_what_was_exported_is_imported(
    extension: str, files: Path, study: Space, database: Database, database_address: str
) -> None:
    code, said = run(database_address, files / f"trials.{extension}")
    assert code == 0 and f"{SOURCE_TRIALS} trials imported" in said
    assert said.splitlines()[-1].startswith("next: python -m search resume")
    source = rows_of(files / "trials.csv")
    found = stored_trials(database, STUDY)
    assert len(found) == SOURCE_TRIALS
    for row, trial in zip(source, found, strict=True):
        assert trial.values == [float(row["value"])]
        assert trial.params == {name: float(row[f"params.{name}"]) for name in study.defaults}
        assert trial.state.name.lower() == row["state"]
        assert trial.user_attrs["imported"] == f"trials.{extension}, trial {row['trial']}"
        collapsed = row["outcome"] == "collapsed"
        assert any(each > 0 for each in trial.constraints.values()) == collapsed
    assert {row["state"] for row in source} == {"complete", "pruned"}


def test_a_trial_that_collapsed_before_any_finite_score_is_imported(
    files: Path, study: Space, database: Database, database_address: str, tmp_path: Path
) -> None:
    rows = rows_of(files / "trials.csv")
    collapsed = next(row for row in rows if row["outcome"] == "collapsed")
    collapsed["value"] = ""
    code, said = run(database_address, write_rows(tmp_path / "trials.csv", rows))
    assert code == 0 and f"{SOURCE_TRIALS} trials imported" in said
    trial = stored_trials(database, STUDY)[int(collapsed["trial"])]
    assert any(each > 0 for each in trial.constraints.values())


def test_the_study_ends_with_exactly_its_own_trials(
    files: Path, study: Space, database: Database, database_address: str, tmp_path: Path
) -> None:
    run(database_address, files / "trials.csv")
    ending, events = search(database, tmp_path, trials=TRIALS)
    assert ending is Ending.FINISHED and not any("somebody else" in line for line in events)
    view = read_study(database, STUDY)
    assert (view.state, view.counts.finished, view.counts.imported) == (
        "finished", TRIALS, SOURCE_TRIALS,
    )  # fmt: skip
    assert view.counts.foreign == view.counts.failed == view.counts.running == 0
    own = [trial for trial in view.trials if trial.counted]
    assert [trial.number for trial in own] == list(range(SOURCE_TRIALS, SOURCE_TRIALS + TRIALS))
    assert [trial.number for trial in view.trials] == list(range(SOURCE_TRIALS + TRIALS))
    assert own[0].params == study.defaults  # the baseline that every study has
    assert view.test is not None and view.test["trial"] in {trial.number for trial in own}
    set_target(database.engine, STUDY, TRIALS + 2)
    assert search(database, tmp_path, trials=TRIALS + 2)[0] is Ending.FINISHED
    assert read_study(database, STUDY).counts.finished == TRIALS + 2


def test_trials_are_imported_while_the_search_is_paused(
    files: Path, study: Space, database: Database, database_address: str, tmp_path: Path
) -> None:
    assert search(database, tmp_path, trials=TRIALS, stop_at=2)[0] is Ending.STOPPED
    own = read_study(database, STUDY).counts.finished  # the same seed: the file has them, too
    _, said = run(database_address, files / "trials.csv")
    assert own and f"{own} already there" in said
    assert search(database, tmp_path, trials=TRIALS)[0] is Ending.FINISHED
    view = read_study(database, STUDY)
    assert view.counts.finished == TRIALS and view.counts.imported == SOURCE_TRIALS - own
    assert view.trials[0].counted and view.trials[-1].counted


def test_an_imported_trial_is_never_the_best(
    study: Space, database: Database, database_address: str, tmp_path: Path
) -> None:
    rows = [{**row, VALUE: 99.0} for row in runs_of_wandb(study, 3)]
    run(database_address, write_rows(tmp_path / "runs.csv", rows), "--value", VALUE)
    search(database, tmp_path, trials=TRIALS)
    details = read_details(database, STUDY)
    assert details.view.best is not None and not details.view.best.imported
    assert details.assessment is not None and details.assessment.claimed < 99
    assert details.view.trials[0].reason == "imported from runs.csv, line 2 (ruby-sweep-0)"
    for command, said in (
        (["status", STUDY], "3 imported: not counted"),
        (["show", STUDY, "0"], "reason    imported from runs.csv, line 2 (ruby-sweep-0)"),
        (["report", STUDY, "--out", str(tmp_path / "report")], "next: "),
        (["best", STUDY], "trial "),
    ):
        found = CliRunner().invoke(app, [*command, "--storage", database_address])
        assert found.exit_code == 0 and said in found.output, found.output


def test_tpe_learns_from_imported_trials(
    study: Space, database: Database, database_address: str, tmp_path: Path
) -> None:
    """The start-up is over at once, and proposals crowd where the imported values are high."""
    rows = runs_of_wandb(study, 2 * STARTUP_TRIALS)
    peak = rows[STARTUP_TRIALS]["hyper.lambda_self"]
    for row in rows:
        row[VALUE] = 30 - 100 * abs(row["hyper.lambda_self"] - peak)
    run(database_address, write_rows(tmp_path / "runs.csv", rows), "--value", VALUE)
    search(database, tmp_path, trials=TRIALS)
    own = [trial for trial in read_study(database, STUDY).trials if trial.counted]
    sampled = [trial.params["lambda_self"] for trial in own[1:]]
    assert max(abs(each - peak) for each in sampled) < 0.25


def test_a_table_of_runs_from_weights_and_biases(
    study: Space, database: Database, database_address: str, tmp_path: Path
) -> None:
    rows = runs_of_wandb(study, 4)
    rows[1]["State"] = "crashed"
    file = write_rows(tmp_path / "wandb.csv", rows)
    code, said = run(database_address, file, "--value", VALUE)
    assert code == 0 and "3 trials imported" in said and "1 not finished" in said
    assert [trial.values for trial in stored_trials(database, STUDY)] == [[20.0], [22.0], [23.0]]


def test_importing_twice_adds_nothing(
    files: Path, study: Space, database: Database, database_address: str
) -> None:
    for extension, already in (("csv", 0), ("csv", SOURCE_TRIALS), ("db", SOURCE_TRIALS)):
        _, said = run(database_address, files / f"trials.{extension}")
        added = SOURCE_TRIALS - already
        assert f"{added} trials imported" in said and f"{already} already there" in said
    assert len(stored_trials(database, STUDY)) == SOURCE_TRIALS


def test_a_study_of_optuna_alone(
    study: Space, database: Database, database_address: str, tmp_path: Path
) -> None:
    file = tmp_path / "theirs.db"
    place = f"sqlite:///{file}"
    up = optuna.create_study(storage=place, study_name="up", direction="maximize")
    down = optuna.create_study(storage=place, study_name="down", direction="minimize")
    for each in (up, down):
        for value in (1.0, 2.0):
            each.add_trial(
                optuna.create_trial(
                    value=value, params=study.defaults, distributions=study.distributions
                )
            )
        each.add_trial(optuna.create_trial(state=TrialState.FAIL))
    before = file.read_bytes()
    assert "give --from with the name" in refusal(database_address, file)
    assert "directions MINIMIZE" in refusal(database_address, file, "--from", "down")
    code, said = run(database_address, file, "--from", "up")
    assert code == 0 and "2 trials imported" in said and "1 not finished" in said
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("a.csv", "", "holds no trial"),
        ("a.csv", "trial,outcome,value\n", "holds no trial"),
        ("a.csv", "trial,params.b_self,score\n0,1,2\n", "give --value with the column"),
        ("a.csv", "State,value,b_self\nfinished,1,0.5\n", "has no column for lambda_self"),
        ("a.csv", "a\n" + 200_000 * "x", "is not a CSV file"),
        ("a.csv", b"\xff\xfe", "is not a CSV file in UTF-8"),
        ("a.json", "", "is not a JSON file of export"),
        ("a.json", "[1, 2]", "is not a JSON file of export"),
        ("a.json", '{"trials": [1], "objective": "miou"}', "is not a JSON file of export"),
        ("a.json", "[" * 100_000, "is not a JSON file of export"),
        ("a.json", '{"trials": [], "objective": "miou"}', "holds no trial"),
        ("a.jsonl", "{}", "is not an exported study"),
        ("a.db", "", "is not a SQLite file"),
        ("a.db", b"SQLite format 3\0", "does not hold a study of this Optuna"),
        ("a.parquet", "PAR1", "has the extension '.parquet'"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(
    name: str,
    text: str | bytes,
    rule: str,
    study: Space,
    database: Database,
    database_address: str,
    tmp_path: Path,
) -> None:
    file = tmp_path / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert rule in refusal(database_address, file)
    assert stored_trials(database, STUDY) == []


def test_a_missing_file_and_a_folder_are_one_line(
    study: Space, database_address: str, tmp_path: Path
) -> None:
    (tmp_path / "folder.csv").mkdir()
    for name in ("missing.csv", "folder.csv"):
        assert "cannot read" in refusal(database_address, tmp_path / name)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"params.b_self": "7"}, "b_self = 7 is out of range: give a number from 0 to 1"),
        ({"params.b_self": "nan"}, "b_self = nan is not finite"),
        ({"params.b_self": "much"}, "b_self = 'much' is not a number"),
        ({"params.b_self": ""}, "do not fit the search space, missing: b_self"),
        ({"params.other": "1"}, "do not fit the search space, unknown: other"),
        ({"value": "nan"}, "its value = nan is not finite"),
        ({"value": ""}, "its value is missing"),
        ({"value": "good"}, "its value = 'good' is not a number"),
    ],
)
def test_a_trial_that_does_not_fit_is_skipped_with_its_rule(
    changes: dict[str, str],
    rule: str,
    files: Path,
    study: Space,
    database: Database,
    database_address: str,
    tmp_path: Path,
) -> None:
    rows = [row for row in rows_of(files / "trials.csv") if row["outcome"] == "complete"][:3]
    wrong = [{**rows[0], **changes}, *({**row, **dict.fromkeys(changes.keys() - row.keys(), "")}
             for row in rows[1:])]  # fmt: skip
    file = write_rows(tmp_path / "some.csv", wrong)
    code, said = run(database_address, file)
    assert code == 0, said
    assert f"trial {rows[0]['trial']} skipped: " in said and rule in said.splitlines()[0]
    assert "2 trials imported" in said and "1 skipped" in said
    assert len(stored_trials(database, STUDY)) == 2
    alone = write_rows(tmp_path / "alone.csv", wrong[:1])
    assert rule in refusal(database_address, alone)


def test_a_number_of_hundreds_of_digits_is_not_finite(
    files: Path, study: Space, database_address: str, tmp_path: Path
) -> None:
    found = json.loads((files / "trials.json").read_text())
    found["trials"] = [{**found["trials"][0], "value": 10**400}]
    (tmp_path / "large.json").write_text(json.dumps(found))
    assert "its value = inf is not finite" in refusal(database_address, tmp_path / "large.json")


def test_values_of_another_objective_are_refused(
    files: Path, study: Space, database_address: str, tmp_path: Path
) -> None:
    found = json.loads((files / "trials.json").read_text())
    (tmp_path / "other.json").write_text(json.dumps({**found, "objective": "label-free"}))
    line = refusal(database_address, tmp_path / "other.json")
    assert "'label-free'" in line and "maximises 'miou-accuracy'" in line


@pytest.mark.parametrize(("flag", "extension"), [("--value", "json"), ("--from", "csv")])
def test_a_flag_of_another_format_is_refused(
    flag: str, extension: str, files: Path, study: Space, database_address: str
) -> None:
    assert f"{flag} is for" in refusal(
        database_address, files / f"trials.{extension}", flag, "value"
    )


def test_nothing_is_imported_while_a_process_drives_the_study(
    files: Path, study: Space, database: Database, database_address: str
) -> None:
    with Lease.acquire(database, STUDY):
        code, said = run(database_address, files / "trials.csv")
    assert code == 3 and said.count("\n") == 1 and "stop that driver first" in said
    assert stored_trials(database, STUDY) == []


def test_imported_trials_are_not_passed_on(
    files: Path, study: Space, database: Database, database_address: str, tmp_path: Path
) -> None:
    """A study exports them as its own history, from which no other study takes them again."""
    run(database_address, files / "trials.csv")
    for extension in ("csv", "json", "jsonl", "db"):
        file = tmp_path / f"again.{extension}"
        command = ["export", STUDY, str(file), "--storage", database_address]
        assert CliRunner().invoke(app, command).exit_code == 0
        _, said = run(database_address, file)
        assert f"0 trials imported from {file}; 0 already there" in said
        assert f"{SOURCE_TRIALS} not finished" in said
    assert all(map(is_imported, stored_trials(database, STUDY)))


def test_an_unknown_study_is_one_line(files: Path, database_address: str) -> None:
    assert "there is no study" in refusal(database_address, files / "trials.csv")
