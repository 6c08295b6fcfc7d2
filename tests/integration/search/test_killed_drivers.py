"""A driver killed by SIGKILL at any point, then resumed: the search is the undisturbed one."""

import shutil
import signal
from collections.abc import Iterator
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import FrozenTrial, TrialState

from search.records.stored_picture import pictures_of
from search.reporting.reading import read_study
from storage.address import parse_address
from storage.database import Database, open_database
from storage.reports import reports_of
from tests.fakes.fork_server import fork_server
from tests.fakes.search_process import STATEMENTS_FILE, STUDY, Kill, run_search
from tests.fakes.stored_trials import stored_trials
from trainer.seeds import numpy_generator

TRIALS = 24


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    return fork_server()


def search_process(
    processes: ForkServerContext, address: str, folder: Path, **options: Any
) -> int | None:
    process = processes.Process(target=run_search, args=(address, folder), kwargs=options)
    process.start()
    process.join(timeout=120)
    assert process.exitcode is not None, "the search hangs"
    return process.exitcode


def stored_results(trials: list[FrozenTrial]) -> list[Any]:
    return [
        (trial.number, trial.state, trial.value, trial.params, trial.intermediate_values)
        for trial in trials
    ]


@pytest.fixture(scope="module")
def undisturbed_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("undisturbed")


@pytest.fixture(scope="module")
def undisturbed(
    undisturbed_folder: Path,
    processes: ForkServerContext,
    embedded_root: Path,
    _template: Database,
) -> Iterator[list[Any]]:
    from tests.integration.conftest import _fresh

    for address in _fresh(_template, embedded_root, template="umss_template"):
        assert search_process(processes, address, undisturbed_folder) == 0
        yield stored_results(trials_at(address))


def trials_at(address: str) -> list[FrozenTrial]:
    with open_database(parse_address(address)) as database:
        return stored_trials(database, STUDY)


def check_exact(address: str) -> None:
    with open_database(parse_address(address)) as database:
        view = read_study(database, STUDY)
        trials = stored_trials(database, STUDY)
        reports = reports_of(database.engine, study=STUDY)
    assert [trial.number for trial in trials] == list(range(TRIALS))
    assert {trial.state for trial in trials} <= {TrialState.COMPLETE, TrialState.PRUNED}
    assert view.state == "finished"
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    best = max(complete, key=lambda trial: (trial.values[0], -trial.number))
    assert view.test is not None and view.test.keys() == {"trial", "cluster", "linear", "reading"}
    assert view.test["trial"] == best.number
    for trial in trials:
        mine = [report.evaluation for report in reports if report.trial == trial.number]
        assert mine == list(range(1, len(mine) + 1))
        assert sorted(trial.intermediate_values) == mine
        shown = trial.state is TrialState.COMPLETE
        assert len(pictures_of(trial.system_attrs)) == shown


KILLS = [
    Kill(what="create", nth=1, when="commit"),
    Kill(what="create", nth=9, when="before"),
    Kill(what="create", nth=9, when="commit"),
    Kill(what="create", nth=9, when="after"),
    Kill(what="report", nth=30, when="before"),  # the checkpoint is there, the report is not
    Kill(what="report", nth=30, when="after"),  # the report is there, the next checkpoint is not
    Kill(what="worker", nth=30),
    Kill(what="end", nth=10, when="before"),  # finished, not stored
    Kill(what="end", nth=10, when="commit"),  # stored, not acknowledged
    Kill(what="end", nth=10, when="after"),
    Kill(what="score", nth=1),
    Kill(what="test", nth=1, when="before"),  # scored, not stored
    Kill(what="test", nth=1, when="commit"),
    Kill(what="test", nth=1, when="after"),
]


@pytest.mark.parametrize("kill", KILLS, ids=lambda kill: f"{kill.when}-{kill.what}-{kill.nth}")
def test_killed_at_a_point(
    kill: Kill,
    processes: ForkServerContext,
    database_address: str,
    tmp_path: Path,
    undisturbed: list[Any],
) -> None:
    code = search_process(processes, database_address, tmp_path, kill=kill)
    assert code == -signal.SIGKILL
    assert search_process(processes, database_address, tmp_path) == 0
    check_exact(database_address)
    assert stored_results(trials_at(database_address)) == undisturbed


@pytest.mark.parametrize(
    "moment", [0, 1, *(pytest.param(moment, marks=pytest.mark.long) for moment in range(2, 10))]
)
def test_killed_at_a_random_moment(
    moment: int,
    undisturbed_folder: Path,
    processes: ForkServerContext,
    database_address: str,
    tmp_path: Path,
    undisturbed: list[Any],
) -> None:
    # how many are stored together, and so the number of statements, differs a little by run
    statements = int((undisturbed_folder / STATEMENTS_FILE).read_text()) * 3 // 4
    nth = int(numpy_generator(2026, "kill", moment).integers(1, statements))
    kill = Kill(what="sql", nth=nth)
    code = search_process(processes, database_address, tmp_path, kill=kill)
    assert code == -signal.SIGKILL
    assert search_process(processes, database_address, tmp_path) == 0
    check_exact(database_address)
    assert stored_results(trials_at(database_address)) == undisturbed


def test_killed_again_and_again(
    processes: ForkServerContext, database_address: str, tmp_path: Path, undisturbed: list[Any]
) -> None:
    codes = []
    for _ in range(40):
        kill = Kill(what="sql", nth=73)
        codes.append(search_process(processes, database_address, tmp_path, kill=kill))
        if codes[-1] == 0:
            break
    assert codes.count(-signal.SIGKILL) >= 5 and codes[-1] == 0
    check_exact(database_address)
    assert stored_results(trials_at(database_address)) == undisturbed


def test_another_host_resumes_from_the_artifact_store(
    processes: ForkServerContext, database_address: str, tmp_path: Path, undisturbed: list[Any]
) -> None:
    """Every driver that is killed takes its host's folder of checkpoints with it."""
    store = tmp_path / "artifacts"
    for host in range(3):
        kill = Kill(what="worker", nth=20)
        folder = tmp_path / f"host-{host}"
        code = search_process(
            processes, database_address, folder, kill=kill, artifacts=store if host == 0 else None
        )
        assert code == -signal.SIGKILL
        shutil.rmtree(folder)
    last = tmp_path / "last"
    last.mkdir()
    assert search_process(processes, database_address, last) == 0  # knows of the store by itself
    check_exact(database_address)
    assert stored_results(trials_at(database_address)) == undisturbed
    best = max(
        (trial for trial in trials_at(database_address) if trial.state is TrialState.COMPLETE),
        key=lambda trial: (trial.values[0], -trial.number),
    )
    left = [path.name for path in store.glob("*/trial-*")]
    assert left == [f"trial-{best.number:05d}"]


def test_another_host_scores_the_best_trial_from_the_artifact_store(
    processes: ForkServerContext, database_address: str, tmp_path: Path, undisturbed: list[Any]
) -> None:
    """All trials are finished, and the folder of the best one's checkpoint is gone."""
    store, kill = tmp_path / "artifacts", Kill(what="score", nth=1)
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    code = search_process(processes, database_address, first, kill=kill, artifacts=store)
    assert code == -signal.SIGKILL
    shutil.rmtree(first)
    assert search_process(processes, database_address, second) == 0
    check_exact(database_address)
    assert stored_results(trials_at(database_address)) == undisturbed
