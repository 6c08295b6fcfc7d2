"""Trials queued through Optuna: which of them are run, and under which numbers."""

import time
from pathlib import Path
from typing import Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.checkpoints.artifact_store import ArtifactCheckpointStore
from search.driver.driver import Ending
from search.driver.study_changes import NumberTaken, StudyChanges, TrialOver
from search.driver.writes import AddTrial, EndTrial, StartQueued, Write
from search.records.messages import Continue, Crashed, Event, Order
from search.records.origin import UnsuitableParameters, counted, given_parameters
from search.records.stored_trial import END_ATTRIBUTE, end_mark, ended_by_driver
from storage.artifact_places import open_artifacts
from tests.fakes.memory_search import SPACE, Search
from tests.fakes.store import MemoryStore
from tests.fakes.training import FakeWorker
from tests.fakes.waiting import wait_until

STUDY = "study"


def row(number: int, *, fixed: dict[str, Any] | None = None, **parts: Any) -> FrozenTrial:
    """A trial as PostgreSQL stores it, queued unless another state is given."""
    known: dict[str, Any] = {"system_attrs": {"fixed_params": fixed or {}}}
    trial = create_trial(**{"state": TrialState.WAITING, **known, **parts})
    trial.number = number
    return trial


class SharedStore(MemoryStore):
    """A store in which another user already took these numbers."""

    def __init__(self, *rows: FrozenTrial, ended: FrozenTrial | None = None) -> None:
        super().__init__()
        self._rows, self._ended = {row.number: row for row in rows}, ended
        self._shown = False

    def apply(self, entry: Write, *, possibly_applied: bool) -> None:
        if isinstance(entry, AddTrial) and entry.trial in self._rows:
            time.sleep(0.3)  # the driver draws later trials meanwhile
            raise NumberTaken("on order")
        if isinstance(entry, EndTrial) and self._ended and entry.trial == self._ended.number:
            raise TrialOver("on order")
        super().apply(entry, possibly_applied=possibly_applied)

    def read_changes(self) -> StudyChanges:
        stored = len(self.added())
        added: tuple[FrozenTrial, ...] = ()
        ended: tuple[FrozenTrial, ...] = ()
        if self._rows and not self._shown and stored >= min(self._rows):
            added, self._shown = tuple(self._rows.values()), True
        if self._ended is not None and stored > self._ended.number:
            ended, self._ended = (self._ended,), None
        return StudyChanges(stop_requested=False, added=added, ended=ended)


def by_number(search: Search) -> dict[int, dict[str, float]]:
    begun = [e for e in search.store.entries if isinstance(e, AddTrial | StartQueued)]
    return {entry.trial: entry.parameters for entry in begun}


QUEUED = (row(22, fixed={"b_self": 0.25}), row(23, fixed={"b_self": 7.0}), row(24))


@pytest.mark.parametrize("workers", [1, 3])
def test_numbers_taken_by_other_users_are_skipped(workers: int, tmp_path: Path) -> None:
    search = Search(tmp_path, trials=30, workers=workers, store=SharedStore(*QUEUED))
    assert search.driver.run() is Ending.FINISHED
    counts = search.memory.counts()
    assert (counts.finished, counts.failed, counts.running) == (30, 1, 0)
    points = by_number(search)
    assert sorted(points) == [number for number in range(31) if number != 23]
    assert points[22]["b_self"] == 0.25
    taken = [entry.trial for entry in search.store.entries if isinstance(entry, StartQueued)]
    assert taken == [22, 24]
    assert len({tuple(point.values()) for point in points.values()}) == 30


def test_the_search_does_not_depend_on_when_a_queued_row_is_found(tmp_path: Path) -> None:
    """Known before the number is due, or found where the driver's own trial was to be stored."""
    raced = Search(tmp_path / "a", trials=30, store=SharedStore(*QUEUED))
    known = Search(tmp_path / "b", trials=30, queued=QUEUED)
    raced.driver.run()
    known.driver.run()
    assert by_number(raced) == by_number(known)
    assert raced.values() == known.values()
    kinds = [[(type(e), e.trial) for e in s.store.entries] for s in (raced, known)]
    assert kinds[0] == kinds[1]


def test_a_parameter_that_was_not_given_is_the_one_of_the_number(tmp_path: Path) -> None:
    plain = Search(tmp_path / "a", trials=12)
    queued = Search(tmp_path / "b", trials=12, queued=[row(5, fixed={"b_self": 0.25})])
    plain.driver.run()
    queued.driver.run()
    expected = {**by_number(plain), 5: {**by_number(plain)[5], "b_self": 0.25}}
    assert by_number(queued) == expected


def test_a_trial_that_another_user_ended_is_replaced(tmp_path: Path) -> None:
    theirs = row(8, state=TrialState.COMPLETE, value=99.0)
    search = Search(tmp_path, trials=12, store=SharedStore(ended=theirs))
    assert search.driver.run() is Ending.FINISHED
    counts = search.memory.counts()
    assert (counts.finished, counts.foreign) == (12, 1)
    best = search.memory.best()
    assert best is not None and best.values[0] < 99
    event = "trial 8 was ended by somebody else as COMPLETE: not counted"
    assert event in search.progress.events


@pytest.mark.parametrize("breaks", [False, True], ids=["reports", "breaks"])
def test_a_trial_that_another_user_ended_leaves_no_checkpoint(
    tmp_path: Path, breaks: bool
) -> None:
    """Its worker writes one more after the driver has given the trial up."""
    artifacts = tmp_path / "artifacts"
    wrote: list[bool] = []

    def write(worker: str, order: Order, hosted: FakeWorker) -> Event | None:
        if not isinstance(order, Continue) or hosted.task.trial != 3:
            return None
        search.store.end_by_others(3)
        gave_up = "trial 3 was ended by somebody else as FAIL: not counted"
        if gave_up not in search.progress.events:
            search.driver._search.apply_changes(search.store.read_changes())
        assert gave_up in search.progress.events
        wait_until(lambda: not left())  # another thread deletes what the artifact store holds
        reported = hosted.advance(order)
        wrote.append(bool(left()))
        return Crashed(reason="RuntimeError: no", traceback="tb") if breaks else reported

    def left() -> list[Path]:
        try:
            return list(tmp_path.rglob("trial-00003/*/*"))
        except FileNotFoundError:  # it is being deleted, so look again
            return left()

    store = ArtifactCheckpointStore(open_artifacts(str(artifacts)), "study")
    search = Search(tmp_path, trials=8, fault=write, artifact_store=store)
    assert search.driver.run() is Ending.FINISHED
    assert wrote == [True] and left() == []
    assert search.memory.counts().finished == 8


def test_an_ended_row_uses_only_a_number(tmp_path: Path) -> None:
    over = [row(3, state=TrialState.COMPLETE, value=99.0), row(4, state=TrialState.FAIL)]
    search = Search(tmp_path, trials=10, queued=over)
    search.driver.run()
    assert search.memory.counts().foreign == 2 and search.memory.counts().finished == 10
    assert sorted(by_number(search)) == [0, 1, 2, *range(5, 12)]


def test_trials_queued_beyond_the_target_are_not_run(tmp_path: Path) -> None:
    search = Search(tmp_path, trials=10, queued=[row(9), row(10), row(11)])
    search.driver.run()
    assert search.memory.counts().finished == len(search.memory) == 10
    assert [e.trial for e in search.store.entries if isinstance(e, StartQueued)] == [9]


@pytest.mark.parametrize("value", [0, 1, 0.5, 0.0, 1.0])
def test_values_in_the_space_are_given(value: float) -> None:
    assert given_parameters(row(0, fixed={"b_self": value}), SPACE) == {"b_self": float(value)}


def test_parameters_of_a_row_are_given_as_well() -> None:
    parts = {"params": {"b_knn": 0.5}, "distributions": {"b_knn": FloatDistribution(-3, 3)}}
    assert given_parameters(row(0, fixed={"b_self": 1}, **parts), SPACE) == {
        "b_self": 1.0,
        "b_knn": 0.5,
    }


@pytest.mark.parametrize(
    "value", [-0.1, 1.1, float("nan"), float("inf"), 10**400, "0.5", None, True, [0.5], {}]
)
def test_values_outside_the_space_are_refused(value: object) -> None:
    with pytest.raises(UnsuitableParameters, match=r"b_self = .* is out of range: give a number"):
        given_parameters(row(0, fixed={"b_self": value}), SPACE)


def test_names_that_are_not_searched_are_refused() -> None:
    with pytest.raises(
        UnsuitableParameters, match="'b_salf' is not searched in this study: give only"
    ):
        given_parameters(row(0, fixed={"b_salf": 0.5}), SPACE)


@pytest.mark.parametrize("fixed", ["b_self", ["b_self"], 7, None])
def test_parameters_that_are_not_a_table_are_refused(fixed: object) -> None:
    with pytest.raises(UnsuitableParameters, match="is not a table"):
        given_parameters(row(0, system_attrs={"fixed_params": fixed}), SPACE)


@pytest.mark.parametrize(
    "kind, value",
    [
        (CategoricalDistribution([0.5, 0.7]), 0.5),
        (IntDistribution(0, 1), 1),
        (FloatDistribution(0.1, 1, log=True), 0.5),
    ],
)
def test_distributions_of_another_kind_are_refused(kind: Any, value: float) -> None:
    parts = {"params": {"b_self": value}, "distributions": {"b_self": kind}}
    with pytest.raises(UnsuitableParameters, match="b_self has another distribution"):
        given_parameters(row(0, **parts), SPACE)


def ended(**changes: Any) -> FrozenTrial:
    mark = end_mark(STUDY, 4, TrialState.COMPLETE, 20.0)
    parts = {
        "state": TrialState.COMPLETE,
        "value": 20.0,
        "system_attrs": {END_ATTRIBUTE: mark},
    }
    return row(4, **{**parts, **changes})


def test_the_drivers_own_end_counts() -> None:
    trial = ended()
    assert ended_by_driver(trial, STUDY) and counted(trial, STUDY) is trial


@pytest.mark.parametrize(
    "changes",
    [
        {"value": 99.0},
        {"state": TrialState.PRUNED},
        {"state": TrialState.FAIL, "value": None},
        {"system_attrs": {}},
        {"system_attrs": {END_ATTRIBUTE: end_mark(STUDY, 5, TrialState.COMPLETE, 20.0)}},
        {"system_attrs": {END_ATTRIBUTE: end_mark("other", 4, TrialState.COMPLETE, 20.0)}},
        {"system_attrs": {END_ATTRIBUTE: "done"}},
    ],
)
def test_another_end_does_not(changes: dict[str, Any]) -> None:
    trial = ended(**changes)
    known = counted(trial, STUDY)
    assert not ended_by_driver(trial, STUDY)
    assert (known.state, known.values, known.number) == (TrialState.FAIL, None, 4)


@pytest.mark.parametrize(
    "parts",
    [
        {
            "state": TrialState.COMPLETE,
            "value": 1.0,
            "system_attrs": {"constraints:collapse": 0.0},
        },
        {"state": TrialState.PRUNED, "system_attrs": {"constraints:collapse": 1.0}},
        {"state": TrialState.FAIL, "user_attrs": {"failure": "no"}, "system_attrs": {}},
    ],
)
def test_trials_stored_before_there_were_marks_count(parts: dict[str, Any]) -> None:
    trial = row(0, **parts)
    assert counted(trial, STUDY) is trial
