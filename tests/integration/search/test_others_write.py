"""Others write to a study through Optuna's own API while it is searched, paused and finished."""

import contextlib
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial
from sqlalchemy import text

from search.config.configuration import LaunchConfig
from search.driver import write_queue as write_queue
from search.driver.claiming import check_origin, create, create_next
from search.driver.driver import Ending
from search.driver.study_store import StudyStore
from search.driver.writes import AddTrial, Batchable, Write
from search.errors import StudyError
from search.records.messages import Begin, Order
from search.reporting.as_json import study_json
from search.reporting.reading import read_studies, read_study
from search.reporting.study_view import WAITS, StudyView, TrialView
from search.samplers.startup import startup_point
from storage.database import Database
from storage.lease import Lease
from storage.optuna_store import open_optuna
from storage.studies import get_study, list_studies, set_target
from tests.fakes.pool import InlinePool
from tests.fakes.search_process import STUDY, Kill, claim, new_study, session_of
from tests.fakes.store import SilentProgress
from tests.fakes.stored_trials import others_study, stored_trials
from tests.fakes.training import FakeWorker
from tests.integration.search.test_killed_drivers import processes, search_process, stored_results

__all__ = ["processes"]  # the fixture

TRIALS = 10
Act = Callable[[optuna.Study], object]


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_queue, "CHECK_SECONDS", 0.02)


def other_user(database: Database) -> AbstractContextManager[optuna.Study]:
    """The study as another user opens it, with Optuna alone."""
    return others_study(database, STUDY)


def search(
    database: Database,
    folder: Path,
    *,
    trials: int = TRIALS,
    acts: dict[int, Act] | None = None,
    stop_at: int | None = None,
    workers: int = 1,
    study_store: type[StudyStore] = StudyStore,
) -> tuple[Ending, list[str]]:
    """Drive the study; another user acts when the trial of a number, or a later one, begins."""
    waiting = dict(acts or {})
    progress = SilentProgress()
    claim(database, trials, workers)
    with Lease.acquire(database, STUDY) as lease:
        session = session_of(database, lease, folder)
        session._study_store.__class__ = study_store

        def on_order(worker: str, order: Order, hosted: FakeWorker) -> None:
            if not isinstance(order, Begin) or order.task.job.kind != "trial":
                return
            for number in [number for number in waiting if number <= order.task.trial][:1]:
                with other_user(database) as study:
                    waiting.pop(number)(study)
            if order.task.trial == stop_at:
                session.stop("on order")

        with contextlib.closing(session):
            ending = session.drive(InlinePool(workers, on_order), progress)
    assert not waiting, "the other user did not act"
    return ending, progress.events


def check_exact(database: Database, trials: int = TRIALS) -> StudyView:
    """Exactly the target counts, according to this program and in the database."""
    view = read_study(database, STUDY)
    assert view.state == "finished" and view.counts.finished == trials
    assert (view.counts.running, view.counts.waiting) == (0, 0)
    assert [trial.number for trial in view.trials] == list(range(trials + view.counts.lost))
    return view


def queued(view: StudyView) -> list[TrialView]:
    """The queued trials that were begun."""
    return [trial for trial in view.trials if trial.queued not in ("", WAITS)]


def failed(view: StudyView) -> list[TrialView]:
    return [trial for trial in view.trials if trial.state == "failed"]


def all_results(database: Database) -> list[Any]:
    return stored_results(stored_trials(database, STUDY))


def enqueue(**values: Any) -> Act:
    return lambda study: study.enqueue_trial(values)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_trial_queued_while_the_search_runs_is_run_as_asked(
    workers: int, database: Database, tmp_path: Path
) -> None:
    # early enough: a trial that is queued once all others are sampled waits for `resume`
    acts = {0: enqueue(b_self=0.25), 1: enqueue(b_knn=0.5, lambda_knn=0.75), 2: enqueue()}
    ending, events = search(database, tmp_path, acts=acts, workers=workers)
    assert ending is Ending.FINISHED
    view = check_exact(database)
    assert view.counts.failed == 0
    first, second, third = queued(view)
    assert first.params["b_self"] == 0.25
    assert (second.params["b_knn"], second.params["lambda_knn"]) == (0.5, 0.75)
    for trial in (first, second, third):
        assert trial.params.keys() == view.trials[0].params.keys()
        assert trial.state in ("complete", "pruned") and trial.counted
    assert first.queued == "by a person, with b_self = 0.25"
    assert f"trial {first.number} was queued by a person, with b_self = 0.25" in events
    assert study_json(view)["queued"].keys() == {first.number, second.number, third.number}


def test_draws_do_not_depend_on_writes_of_others(database: Database, tmp_path: Path) -> None:
    """Start-up points depend on the number alone: a queued trial changes only given ones."""
    search(database, tmp_path, acts={3: enqueue(b_self=0.25)})
    view = check_exact(database)
    (trial,) = queued(view)
    drawn = dict(trial.params)
    del drawn["b_self"]
    plain = _plain_points(database)
    assert drawn.items() <= plain[trial.number].items()
    for other in view.trials:
        if other.number != trial.number:
            assert other.params == plain[other.number]


def _plain_points(database: Database) -> list[dict[str, float]]:
    record = get_study(database.engine, STUDY)
    space = LaunchConfig.from_table(record.config).space()
    return [startup_point(space, number, record.seed) for number in range(TRIALS)]


@pytest.mark.parametrize(
    "values, reason",
    [
        ({"b_self": 7.0}, r"b_self = 7.0 is out of range: give a number from 0 to 1"),
        ({"b_self": "much"}, r"b_self = 'much' is out of range"),
        ({"b_self": None}, r"b_self = None is out of range"),
        ({"learning": 0.1}, r"'learning' is not searched in this study: give only lambda_self"),
    ],
)
def test_a_queued_trial_that_does_not_fit_fails_with_its_reason(
    values: dict[str, Any], reason: str, database: Database, tmp_path: Path
) -> None:
    ending, _ = search(database, tmp_path, acts={3: enqueue(**values)})
    assert ending is Ending.FINISHED
    view = check_exact(database)
    (trial,) = failed(view)
    assert trial.reason.startswith("queued, but not run: ")
    assert reason in trial.reason
    assert trial.counted and view.counts.failed == 1


def test_a_trial_queued_while_the_search_is_paused(database: Database, tmp_path: Path) -> None:
    assert search(database, tmp_path, stop_at=4)[0] is Ending.STOPPED
    with other_user(database) as study:
        study.enqueue_trial({"b_self": 0.25})
        study.enqueue_trial({"b_self": -1})
    before = all_results(database)
    assert read_study(database, STUDY).counts.waiting == 2
    assert search(database, tmp_path)[0] is Ending.FINISHED
    view = check_exact(database)
    (trial,) = queued(view)
    assert trial.params["b_self"] == 0.25 and view.counts.failed == 1
    assert all_results(database)[:4] == before[:4]


def test_a_trial_queued_at_the_end_waits_for_a_larger_target(
    database: Database, tmp_path: Path
) -> None:
    search(database, tmp_path, acts={TRIALS - 1: enqueue(b_self=0.25)})
    view = read_study(database, STUDY)
    assert view.state == "finished" and view.counts.finished == TRIALS
    assert [trial.state for trial in view.trials[TRIALS:]] == ["waiting"]
    before = all_results(database)
    with other_user(database) as study:
        study.enqueue_trial({"b_self": 0.75})
    assert search(database, tmp_path)[0] is Ending.FINISHED  # nothing is run beyond the target
    assert all_results(database)[:TRIALS] == before[:TRIALS]
    set_target(database.engine, STUDY, TRIALS + 3)
    assert search(database, tmp_path)[0] is Ending.FINISHED
    after = check_exact(database, TRIALS + 3)
    assert all_results(database)[:TRIALS] == before[:TRIALS]
    assert [trial.params["b_self"] for trial in queued(after)] == [0.25, 0.75]


def test_trials_queued_near_the_end_do_not_exceed_the_target(
    database: Database, tmp_path: Path
) -> None:
    acts = {number: enqueue(b_self=0.25 + number / 100) for number in range(5, TRIALS)}
    search(database, tmp_path, acts=acts, workers=2)
    view = read_study(database, STUDY)
    assert view.counts.finished == TRIALS and view.counts.running == 0
    # how many of them are taken in place of new ones depends on when the driver sees them
    assert view.counts.waiting == len(view.trials) - TRIALS >= 1
    assert all(trial.state == "waiting" for trial in view.trials[TRIALS:])


def add(**parts: Any) -> Act:
    return lambda study: study.add_trial(create_trial(**parts))


def test_rows_that_others_add_are_not_counted(database: Database, tmp_path: Path) -> None:
    other = {"b_self": FloatDistribution(0, 50), "x": CategoricalDistribution(["a", "b"])}
    acts = {
        1: add(value=99.0, params={"b_self": 40.0, "x": "a"}, distributions=other),
        2: add(state=TrialState.FAIL),
        3: add(state=TrialState.PRUNED, value=50.0, intermediate_values={0: 1.0, 7: 2.0}),
        4: add(state=TrialState.WAITING, params={"x": "a"}, distributions={"x": other["x"]}),
    }
    ending, events = search(database, tmp_path, acts=acts)
    assert ending is Ending.FINISHED
    view = check_exact(database)
    assert (view.counts.foreign, view.counts.failed) == (3, 1)
    assert view.best is not None and view.best.value is not None and view.best.value < 50
    assert any("added by somebody else as COMPLETE: not counted" in line for line in events)


def test_a_study_whose_first_trial_is_another_users(database: Database, tmp_path: Path) -> None:
    """Their distributions are of another kind: ours are stored nevertheless."""
    create(database, STUDY, new_study(TRIALS))
    kinds = {"b_self": CategoricalDistribution(["much", "little"])}
    with other_user(database) as study:
        add(value=1.0, params={"b_self": "much"}, distributions=kinds)(study)
        add(state=TrialState.WAITING, params={"b_self": "much"}, distributions=kinds)(study)
    assert search(database, tmp_path)[0] is Ending.FINISHED
    view = check_exact(database)
    assert (view.counts.foreign, view.counts.failed) == (1, 1)
    assert (
        "b_self has another distribution"
        in next(trial for trial in failed(view) if trial.counted).reason
    )


@pytest.mark.parametrize("state", [TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL])
def test_a_running_trial_that_another_user_ends_is_replaced(
    state: TrialState, database: Database, tmp_path: Path
) -> None:
    def tell(study: optuna.Study) -> None:
        value = 99.0 if state is TrialState.COMPLETE else None
        study.tell(3, value, state=state)

    ending, events = search(database, tmp_path, acts={3: tell})
    assert ending is Ending.FINISHED
    view = check_exact(database)
    before = all_results(database)
    assert view.counts.foreign == 1 and before[3][1] is state
    ended = view.trials[3]
    assert (ended.counted, ended.reason) == (False, "ended by somebody else")
    assert view.best is not None and view.best.number != 3
    assert f"trial 3 was ended by somebody else as {state.name}: not counted" in events
    resumed = search(database, tmp_path)
    assert resumed[0] is Ending.FINISHED
    check_exact(database)
    assert all_results(database) == before


def test_attributes_and_scores_that_others_set(database: Database, tmp_path: Path) -> None:
    def scribble(study: optuna.Study) -> None:
        study.set_user_attr("test", "mine")
        study._storage.set_study_system_attr(study._study_id, "unim2:artifacts", 7)
        (trial,) = [trial for trial in study.trials if trial.number == 3]
        study._storage.set_trial_user_attr(trial._trial_id, "note", "good")
        study._storage.set_trial_user_attr(trial._trial_id, "prune_reason", "none")
        study._storage.set_trial_system_attr(trial._trial_id, "constraints:collapse", 5)
        study._storage.set_trial_system_attr(trial._trial_id, "unim2:attempts", "many")
        study._storage.set_trial_intermediate_value(trial._trial_id, 1, 77.0)
        study._storage.set_trial_intermediate_value(trial._trial_id, 500, 77.0)

    assert search(database, tmp_path, acts={3: scribble}, stop_at=3)[0] is Ending.STOPPED
    read_studies(database)
    assert search(database, tmp_path)[0] is Ending.FINISHED
    view = check_exact(database)
    assert view.test is not None and view.best is not None
    assert view.counts.foreign == view.counts.failed == 0
    assert stored_trials(database, STUDY)[3].user_attrs["note"] == "good"
    assert view.trials[3].value is not None and view.trials[3].value < 77


def test_a_queued_trial_is_run(database: Database, tmp_path: Path) -> None:
    def ask(study: optuna.Study) -> None:
        study.ask()

    assert search(database, tmp_path, acts={3: ask})[0] is Ending.FINISHED
    assert check_exact(database).counts.failed == 0


def test_a_queued_trial_that_is_withdrawn(database: Database, tmp_path: Path) -> None:
    assert search(database, tmp_path, stop_at=3)[0] is Ending.STOPPED
    with other_user(database) as study:
        study.enqueue_trial({"b_self": 0.25})
        number = study.trials[-1].number

    def take_back(study: optuna.Study) -> None:
        trial = study.trials[number]
        study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)

    assert search(database, tmp_path, acts={4: take_back})[0] is Ending.FINISHED
    check_exact(database)


def test_a_study_that_is_deleted_ends_the_driver_in_one_line(
    database: Database, tmp_path: Path
) -> None:
    def delete(study: optuna.Study) -> None:
        """Tries until it is deleted: Optuna ignores a failure caused by a concurrent write."""
        while STUDY in optuna.get_all_study_names(study._storage):
            optuna.delete_study(study_name=STUDY, storage=study._storage)

    with pytest.raises(StudyError, match="deleted from the database") as caught:
        search(database, tmp_path, acts={4: delete})
    assert "\n" not in str(caught.value)
    read_studies(database)
    with pytest.raises(StudyError, match="were deleted from the database"):
        search(database, tmp_path)


@pytest.mark.parametrize("number", [2, 4], ids=["finished", "running"])
def test_a_trial_that_is_deleted_ends_the_driver_in_one_line(
    number: int, database: Database, tmp_path: Path
) -> None:
    tables = ("trial_params", "trial_system_attributes", "trial_intermediate_values",
              "trial_user_attributes", "trial_values", "trials")  # fmt: skip

    def delete(study: optuna.Study) -> None:
        while number == 2 and not study.trials[number].state.is_finished():
            time.sleep(0.05)  # its end is being stored
        trial = study.trials[number]
        with database.engine.begin() as connection:
            for table in tables:
                connection.execute(text(f"DELETE FROM {table} WHERE trial_id = {trial._trial_id}"))

    with pytest.raises(StudyError, match="deleted from the database"):
        search(database, tmp_path, acts={4: delete})
    assert len(read_studies(database)) == 1  # those who read are not ended either
    if number == 2:
        with pytest.raises(StudyError, match="deleted from the database"):
            search(database, tmp_path)


QUEUED = ({"b_self": 0.25}, {"lambda_knn": 0.75, "b_knn": 0.5}, {"b_self": 9.0})
LONG = 26  # beyond the start-up points, where draws depend on the trials before


class QuickerOnce(StudyStore):
    """Another user queues a trial just before the driver stores its own, which then waits."""

    at = 21

    def apply_batch(self, entries: Sequence[Batchable], *, possibly_applied: bool) -> bool:
        if any(isinstance(entry, AddTrial) and entry.trial == self.at for entry in entries):
            return False  # one by one
        return super().apply_batch(entries, possibly_applied=possibly_applied)

    def apply(self, entry: Write, *, possibly_applied: bool) -> None:
        if isinstance(entry, AddTrial) and entry.trial == self.at:
            time.sleep(0.5)  # the driver draws the next one meanwhile
            if len(self._storage.get_all_trials(self._study_id)) == self.at:
                study = optuna.load_study(study_name=self._name, storage=self._storage)
                for values in QUEUED:
                    study.enqueue_trial(values)
        super().apply(entry, possibly_applied=possibly_applied)


def test_a_queue_is_part_of_the_record(
    database: Database,
    database_address: str,
    tmp_path: Path,
    processes: Any,
) -> None:
    """The same rows queued under the same numbers give the same search in both cases.

    Here another user is quicker than a running driver; there the driver is killed before it
    draws, the rows are queued, and the drivers that continue are killed again and again.
    """
    assert (
        search(database, tmp_path / "a", trials=LONG, study_store=QuickerOnce)[0]
        is Ending.FINISHED
    )
    raced = check_exact(database, LONG)
    assert [trial.number for trial in queued(raced)] == [21, 22]
    before = all_results(database)
    with other_user(database) as study:
        optuna.delete_study(study_name=STUDY, storage=study._storage)
    with database.engine.begin() as connection:
        for table in ("report", "lease_history", "lease", "study"):
            connection.execute(text(f"DELETE FROM umss.{table}"))
    kill = Kill(what="create", nth=21, when="after")
    (tmp_path / "b").mkdir()

    def drive(kill: Kill | None) -> int | None:
        return search_process(processes, database_address, tmp_path / "b", kill=kill, trials=LONG)

    assert drive(kill) == -signal.SIGKILL
    with other_user(database) as study:
        assert len(study.trials) == 21
        for values in QUEUED:
            study.enqueue_trial(values)
    for again in (Kill(what="sql", nth=20), Kill(what="end", nth=2, when="commit")):
        assert drive(again) == -signal.SIGKILL
    assert drive(None) == 0
    check_exact(database, LONG)
    assert all_results(database) == before


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("trials", [0, 2])
def test_a_study_of_the_same_name_that_another_program_created(
    direction: Literal["minimize", "maximize"], trials: int, database: Database
) -> None:
    storage = open_optuna(database)
    study = optuna.create_study(study_name=STUDY, storage=storage, direction=direction)
    for _ in range(trials):
        study.add_trial(create_trial(value=1.0))
    for refuse in (
        lambda: check_origin(database, STUDY, None),
        lambda: create(database, STUDY, new_study(TRIALS)),
    ):
        with pytest.raises(StudyError) as caught:
            refuse()
        assert f"({direction.upper()}, {trials} trials): give --study" in str(caught.value)
        assert "\n" not in str(caught.value)
    assert list_studies(database.engine) == ()
    assert study.direction.name.lower() == direction and len(study.trials) == trials
    storage.engine.dispose()


def test_a_study_that_another_user_replaced(database: Database, tmp_path: Path) -> None:
    record = create(database, STUDY, new_study(TRIALS))
    with other_user(database) as study:
        optuna.delete_study(study_name=STUDY, storage=study._storage)
        optuna.create_study(study_name=STUDY, storage=study._storage, direction="minimize")
    with pytest.raises(StudyError, match=r"this program did not create \(MINIMIZE, 0 trials\)"):
        check_origin(database, STUDY, record)
    with pytest.raises(StudyError, match="MINIMIZE"):
        search(database, tmp_path)


def test_the_next_name_is_a_free_one(database: Database) -> None:
    storage = open_optuna(database)
    optuna.create_study(study_name="rooms-1", storage=storage)
    assert create_next(database, "rooms", new_study(TRIALS)).name == "rooms-2"
    storage.engine.dispose()
