"""Writes that are stored together: the same rows as one by one, once, or nothing."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from optuna.trial import TrialState
from sqlalchemy import Connection, event, text

from search.config.configuration import LaunchConfig
from search.driver.claiming import create
from search.driver.study_changes import TrialOver
from search.driver.study_store import StudyStore
from search.driver.writes import AddTrial, Batchable, EndTrial, StoreReport
from search.objectives.miou_accuracy import MIOU_ACCURACY
from search.records.outcome import Completed, Failed, Outcome, Pruned, trial_end
from search.records.stored_checkpoint import StoredCheckpoint
from storage.database import Database
from storage.errors import DatabaseUnreachable, LeaseLost
from storage.lease import Lease
from storage.optuna_store import SearchStorage, open_optuna
from storage.studies import get_study
from storage.trial_batch import TRIALS
from tests.fakes.search_process import STUDY, new_study
from tests.fakes.stored_trials import stored_trials
from tests.fakes.training import fake_report

#: Everything that is stored of trials, except ids and times.
ROWS = {
    "trials": "SELECT number, state, datetime_start IS NULL, datetime_complete IS NULL"
    " FROM trials ORDER BY number",
    "trial_params": "SELECT number, param_name, param_value, distribution_json"
    " FROM trial_params JOIN trials USING (trial_id) ORDER BY number, param_id",
    "trial_values": "SELECT number, objective, value, value_type"
    " FROM trial_values JOIN trials USING (trial_id) ORDER BY number",
    "trial_intermediate_values": "SELECT number, step, intermediate_value,"
    " intermediate_value_type"
    " FROM trial_intermediate_values JOIN trials USING (trial_id) ORDER BY number, step",
    "trial_user_attributes": "SELECT number, key, value_json"
    " FROM trial_user_attributes JOIN trials USING (trial_id) ORDER BY number, key",
    "trial_system_attributes": "SELECT number, key, value_json"
    " FROM trial_system_attributes JOIN trials USING (trial_id) ORDER BY number, key",
    "report": "SELECT trial, evaluation, payload::text"
    " FROM umss.report ORDER BY trial, evaluation",
}


class OpenStudy:
    """A study and the store that its driver has."""

    def __init__(self, database: Database, storage: SearchStorage, lease: Lease) -> None:
        config = LaunchConfig.from_table(get_study(database.engine, STUDY).config)
        self.database, self.storage, self.lease = database, storage, lease
        self.space = config.space()
        self.store = StudyStore(
            storage=storage,
            engine=storage.engine,
            name=STUDY,
            distributions=self.space.distributions,
            objective=MIOU_ACCURACY,
            check_lease=lease.check,
            revive=database.revive,
        )
        self.store.load()

    def new(self, number: int) -> AddTrial:
        parameters = {name: 0.25 + 0.01 * number for name in self.space.distributions}
        return AddTrial(trial=number, parameters=parameters, epoch=self.lease.epoch)

    def rows(self) -> dict[str, list[Any]]:
        with self.database.engine.connect() as connection:
            return {
                table: [tuple(row) for row in connection.execute(text(query))]
                for table, query in ROWS.items()
            }

    def apply(self, *entries: Batchable) -> None:
        for entry in entries:
            self.store.apply(entry, possibly_applied=False)


def report(trial: int, evaluation: int, *, stored: bool = False) -> StoreReport:
    made = fake_report({"b_self": 0.5}, trial, evaluation)
    checkpoint = StoredCheckpoint(place=f"{trial}", evaluation=evaluation, checksum="c")
    return StoreReport(
        trial=trial,
        report=made,
        score=None if evaluation == 2 else MIOU_ACCURACY.score(made),
        stored=(checkpoint,) if stored else None,
    )


def end(trial: int, outcome: Outcome) -> EndTrial:
    reports = [fake_report({"b_self": 0.5}, trial, evaluation) for evaluation in (1, 2)]
    reported = [] if isinstance(outcome, Failed) else reports
    return EndTrial(trial=trial, end=trial_end(outcome, reported, MIOU_ACCURACY))


def entries() -> list[Batchable]:
    """Reports and ends of the trials 0 to 3, one of each kind, in the order of a search."""
    return [
        report(0, 1, stored=True),
        report(1, 1),
        report(0, 2, stored=True),
        end(0, Completed(value=12.5)),
        report(2, 1),
        end(1, Pruned(kind="collapsed", reason="why")),
        end(2, Pruned(kind="behind", reason="why")),
        end(3, Failed(reason="why", traceback="where")),
    ]


@pytest.fixture
def opened(database: Database) -> Iterator[OpenStudy]:
    create(database, STUDY, new_study(8))
    with Lease.acquire(database, STUDY) as lease:
        storage = open_optuna(database, lease)
        yield OpenStudy(database, storage, lease)
        storage.remove_session()
        storage.engine.dispose()


@contextlib.contextmanager
def lost_answer(opened: OpenStudy, *, committed: bool) -> Iterator[None]:
    """The next commit that writes is not answered: after it was done, or without."""
    dialect: Any = opened.storage.engine.dialect
    commit = dialect.do_commit

    def do_commit(connection: Any) -> None:
        dialect.do_commit = commit
        if committed:
            commit(connection)
        connection.driver_connection.close()
        raise DatabaseUnreachable("the connection broke in a commit")

    dialect.do_commit = do_commit
    try:
        yield
    finally:
        dialect.do_commit = commit


def test_a_batch_stores_the_rows_that_its_entries_alone_would(opened: OpenStudy) -> None:
    first = [opened.new(number) for number in range(4)]
    assert opened.store.apply_batch(first, possibly_applied=False)
    assert opened.store.apply_batch(entries(), possibly_applied=False)
    together = opened.rows()
    with opened.database.engine.begin() as connection:
        connection.execute(text("TRUNCATE trials CASCADE"))
        connection.execute(text("TRUNCATE umss.report"))
    opened.store.load()
    opened.apply(*first, *entries())
    assert together == opened.rows()


def test_optuna_reads_the_writes_of_a_batch(opened: OpenStudy) -> None:
    opened.store.apply_batch([opened.new(number) for number in range(4)], possibly_applied=False)
    opened.store.apply_batch(entries(), possibly_applied=False)
    trials = stored_trials(opened.database, STUDY)
    names = [trial.state.name for trial in trials]
    assert names == ["COMPLETE", "PRUNED", "PRUNED", "FAIL"]
    assert trials[0].values == [12.5] and trials[0].params == opened.new(0).parameters
    assert trials[0].datetime_complete is not None and trials[0].datetime_start is not None
    assert trials[0].datetime_start <= trials[0].datetime_complete


def batches(opened: OpenStudy) -> dict[str, list[Batchable]]:
    return {
        "ends": entries(),
        "new trials": [report(0, 1), opened.new(4), report(1, 1), opened.new(5)],
        "reports": [report(0, 1), report(1, 1)],
        "all": [*entries(), opened.new(4)],
    }


@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize("kind", ["ends", "new trials", "reports", "all"])
def test_a_batch_whose_acknowledgement_is_lost_is_stored_once(
    kind: str, committed: bool, opened: OpenStudy
) -> None:
    opened.apply(*(opened.new(number) for number in range(4)))
    batch, before = batches(opened)[kind], opened.rows()
    with lost_answer(opened, committed=committed), pytest.raises(DatabaseUnreachable):
        opened.store.apply_batch(batch, possibly_applied=False)
    assert (opened.rows() == before) is not committed
    assert opened.store.apply_batch(batch, possibly_applied=True)
    after = opened.rows()
    assert after != before
    assert opened.store.apply_batch(batch, possibly_applied=True) and opened.rows() == after
    changes = opened.store.read_changes()
    assert not changes.has_changes  # none of it looks like a write of another user
    assert opened.store.apply_batch([opened.new(len(after["trials"]))], possibly_applied=False)


def other_user_ends(opened: OpenStudy) -> None:
    opened.storage.set_trial_state_values(opened.store._ids[2], TrialState.COMPLETE, [99.0])


def other_user_adds(opened: OpenStudy) -> None:
    opened.storage.create_new_trial(opened.store._study_id)


@pytest.mark.parametrize("meddle", [other_user_ends, other_user_adds])
@pytest.mark.parametrize("possibly_applied", [False, True])
def test_a_batch_is_not_stored_where_another_user_wrote(
    meddle: Callable[[OpenStudy], None], possibly_applied: bool, opened: OpenStudy
) -> None:
    opened.apply(*(opened.new(number) for number in range(4)))
    meddle(opened)
    before, batch = opened.rows(), [*entries(), opened.new(4)]
    assert not opened.store.apply_batch(batch, possibly_applied=possibly_applied)
    assert opened.rows() == before


def test_single_writes_show_what_another_user_wrote(opened: OpenStudy) -> None:
    opened.apply(*(opened.new(number) for number in range(4)))
    other_user_ends(opened)
    over = []
    for entry in entries():
        try:
            opened.apply(entry)
        except TrialOver:
            over.append(entry.trial)
    assert over == [2, 2]


def test_a_batch_is_stopped_when_the_lease_is_lost(opened: OpenStudy) -> None:
    opened.apply(*(opened.new(number) for number in range(4)))
    before = opened.rows()
    with Lease.acquire(opened.database, STUDY, time_to_live=0.0):
        for possibly_applied in (False, True):
            with pytest.raises(LeaseLost):
                opened.store.apply_batch(entries(), possibly_applied=possibly_applied)
    assert opened.rows() == before


def test_the_number_of_statements_of_a_batch_depends_on_its_kinds_alone(opened: OpenStudy) -> None:
    statements: list[str] = []

    @event.listens_for(opened.storage.engine, "before_cursor_execute")
    def _note(connection: Connection, cursor: Any, statement: str, *others: Any) -> None:
        statements.append(statement)

    counts = []
    for first, count in ((0, 2), (2, 60)):
        numbers = range(first, first + count)
        opened.store.apply_batch(
            [opened.new(number) for number in numbers], possibly_applied=False
        )
        statements.clear()
        writes: list[Batchable] = [report(number, 1) for number in numbers]
        writes += [end(number, Completed(value=1.0)) for number in numbers]
        assert opened.store.apply_batch(writes, possibly_applied=False)
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 10
    assert any(TRIALS.name in statement for statement in statements)
