"""The rows of a comparison table as plain data, with everything that its printers show."""

import datetime
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from search.config.comparison_table import ComparisonTable, Measured, Published, RowTexts
from search.quality.confirmed import Confirmed, confirmed
from search.records.confirmation import (
    ChosenBy,
    Confirmation,
    StoredConfirmation,
    readings_of_test,
)
from search.records.counts import Counts
from search.records.jobs import Job
from search.reporting.assessing import choose_finalists
from search.reporting.measures import iterations_of
from search.reporting.reading import read_details
from search.reporting.study_details import StudyDetails
from storage.database import Database
from storage.studies import list_studies

__all__ = [
    "DONE",
    "RowState",
    "RowView",
    "Spread",
    "StudyResult",
    "TableView",
    "read_table_view",
    "state_of",
    "view_table",
]

#: ``unusable``: the search is finished, and none of its trials is complete.
RowState = Literal["not started", "searching", "confirming", "unusable", "finished"]
#: The states in which nothing is left to do.
DONE: tuple[RowState, ...] = ("finished", "unusable")
HOUR = 3600  # seconds


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A figure over several runs that differ in their seeds alone."""

    mean: float
    #: Sample standard deviation; None if single runs are not known, or for one run.
    deviation: float | None
    #: Number of runs.
    runs: int


@dataclass(frozen=True, kw_only=True)
class StudyResult:
    """The study of a row: what it found, and what it cost."""

    study: str
    state: RowState
    counts: Counts
    #: Number of trials to finish.
    target: int
    #: The confirmed trial; None before there is one.
    trial: int | None
    #: What chose the finalists; None before.
    chosen_by: ChosenBy | None
    #: The objective's value on val over fresh seeds, and the objective.
    val: Spread | None
    objective: str
    #: Test scores of the same runs, percent; None before.
    miou: Spread | None
    accuracy: Spread | None
    #: Fresh runs that failed, and those that a collapse rule would have stopped.
    failed: int
    collapsed: int
    #: Number of hyper-parameters that the search varied.
    searched: int
    #: Number of dimensions that these have: of the weights of a whole loss, only ratios matter.
    dimensions: int
    #: Evaluations of a trial that is not pruned: how often val is looked at.
    looks: int
    #: Iterations of all trials and fresh runs, as far as their results are stored.
    iterations: int
    #: Hours during which a process drove the study; None before.
    hours: float | None
    #: How a value is made, and on which split.
    protocol: str
    #: How often the test split was scored.
    readings: int
    #: IoU of each class on val at the last evaluation of the confirmed trial's own run, percent.
    classes: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RowView:
    """A row."""

    texts: RowTexts
    published: Published | None
    #: None for a row that only quotes a published figure.
    result: StudyResult | None


@dataclass(frozen=True, kw_only=True)
class TableView:
    """A table."""

    name: str
    title: str
    trials: int
    seeds: int
    finalists: int
    #: Whether the IoU of each class is shown.
    classes: bool = False
    rows: tuple[RowView, ...]

    @property
    def finished(self) -> int:
        """Number of measured rows without anything left to do."""
        states = [row.result.state for row in self.rows if row.result is not None]
        return sum(state in DONE for state in states)


def read_table_view(database: Database, table: ComparisonTable) -> TableView:
    """Read the studies of a table, as far as they exist."""
    stored = {record.name for record in list_studies(database.engine)}
    found = {
        measured.study: read_details(database, measured.study)
        for _, measured in table.measured
        if measured.study in stored
    }
    return view_table(table, found)


def view_table(table: ComparisonTable, found: Mapping[str, StudyDetails]) -> TableView:
    """A table with the results of its studies.

    Args:
        table: The table.
        found: Its studies by name; those that have not begun are missing.
    """
    rows = []
    for row in table.rows:
        result = None
        if row.measured is not None:
            result = _result(table, row.measured, found.get(row.measured.study))
        rows.append(RowView(texts=row.texts, published=row.published, result=result))
    return TableView(
        name=table.name,
        title=table.title,
        trials=table.trials,
        seeds=table.seeds,
        finalists=table.finalists,
        classes=table.classes,
        rows=tuple(rows),
    )


def state_of(table: ComparisonTable, measured: Measured, details: StudyDetails) -> RowState:
    """How far a row is; ``finished`` if neither trials nor fresh runs nor test scores lack.

    Args:
        table: The table.
        measured: The row's study, as the table wants it.
        details: The same as it is stored.
    """
    view, assessment = details.view, details.assessment
    if details.finished_at is None or view.counts.finished < measured.trials:
        return "searching"
    if assessment is None:
        return "unusable"
    chosen = choose_finalists(view, assessment, top=table.finalists)
    wanted = StoredConfirmation(
        trials=chosen.trials, seeds=table.seeds, chosen_by=chosen.chosen_by, references=()
    )
    stored = view.confirmation
    if stored.plan != wanted or any(job not in stored.runs for job in wanted.jobs()):
        return "confirming"
    found = confirmed(stored)
    if found is None:
        return "unusable"
    return "finished" if _scored(stored.test, found) else "confirming"


def _scored(test: Mapping[str, Any] | None, found: Confirmed) -> bool:
    """Whether every run of the confirmed trial was scored on test, or could not be.

    Studies of earlier versions stored only the seeds that have a score.
    """
    if test is None or test["trial"] != found.best.trial:
        return False
    return set(test.get("planned", test.get("seeds", ()))) == found.best.values.keys()


def _result(
    table: ComparisonTable, measured: Measured, details: StudyDetails | None
) -> StudyResult:
    config = measured.config
    if details is None:
        return StudyResult(
            study=measured.study,
            state="not started",
            counts=Counts(),
            target=measured.trials,
            trial=None,
            chosen_by=None,
            val=None,
            objective=config.objective().title,
            miou=None,
            accuracy=None,
            failed=0,
            collapsed=0,
            searched=measured.searched,
            dimensions=measured.dimensions,
            looks=config.train.evaluation.evaluations,
            iterations=0,
            hours=None,
            protocol="",
            readings=0,
        )
    view, state = details.view, state_of(table, measured, details)
    found = confirmed(view.confirmation) if state == "finished" else None
    return StudyResult(
        study=measured.study,
        state=state,
        counts=view.counts,
        target=measured.trials,
        trial=None if found is None else found.best.trial,
        chosen_by=None if found is None else found.chosen_by,
        val=None if found is None else spread(list(found.best.values.values())),
        objective=view.objective_title,
        miou=_test_spread(view.confirmation, "miou") if state == "finished" else None,
        accuracy=_test_spread(view.confirmation, "accuracy") if state == "finished" else None,
        failed=0 if found is None else found.best.failed,
        collapsed=0 if found is None else found.best.collapsed,
        searched=measured.searched,
        dimensions=measured.dimensions,
        looks=config.train.evaluation.evaluations,
        iterations=_iterations(details, config.train.training.iterations),
        hours=_hours(details),
        protocol=view.protocol or "",
        readings=readings_of_test(view.test, view.confirmation.test),
        classes={} if found is None else _classes(details, found.best.trial),
    )


def spread(numbers: Sequence[float]) -> Spread:
    """Mean and deviation of at least one number."""
    deviation = statistics.stdev(numbers) if len(numbers) > 1 else None
    return Spread(mean=statistics.fmean(numbers), deviation=deviation, runs=len(numbers))


def _test_spread(stored: Confirmation, name: str) -> Spread | None:
    """A test score over the seeds; studies of earlier versions stored the mean alone."""
    test = stored.test
    assert test is not None, "a finished row has test scores"
    jobs = [Job("test", test["trial"], seed) for seed in test.get("seeds", ())]
    single = [stored.scores[job][name] for job in jobs if name in stored.scores.get(job, {})]
    if single:
        return spread(single)
    return Spread(mean=test[name], deviation=None, runs=len(jobs)) if name in test else None


def _classes(details: StudyDetails, number: int) -> Mapping[str, float]:
    """IoU of each class of a trial, as far as it is stored."""
    found = [trial.class_iou for trial in details.view.trials if trial.number == number]
    return found[0] if found else {}


def _iterations(details: StudyDetails, full: int) -> int:
    """Iterations of trials up to their last reports, and of complete fresh runs."""
    trials = sum(iterations_of(details, trial) for trial in details.view.trials)
    runs = [run for run in details.view.confirmation.runs.values() if not run.failure]
    return trials + full * len(runs)


def _hours(details: StudyDetails) -> float | None:
    """How long processes drove the study, including starts and the preparation of features.

    A process that was killed left no time of its end: it counts up to the last trial that ended
    before another process took over.
    """
    if not details.sessions:
        return None
    ends = sorted(
        trial.ended_at.astimezone(datetime.UTC)
        for trial in details.view.trials
        if trial.ended_at is not None
    )
    taken = [session.began for session in details.sessions[1:]]
    seconds = 0.0
    for session, after in zip(details.sessions, [*taken, None], strict=True):
        end = session.ended
        if end is None:
            known = [
                time for time in ends if time > session.began and (after is None or time < after)
            ]
            end = max(known, default=session.began)
        seconds += (end - session.began).total_seconds()
    return seconds / HOUR
