"""Figures that health checks and charts compute from a study: full runs, noise, compute, seats."""

import datetime
import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search.objectives.objective import LAST_EVALUATIONS
from search.records.stored_trial import UNDERPERFORMING, kind_text
from search.reporting.study_details import StudyDetails
from search.reporting.study_view import StudyView, TrialView

__all__ = [
    "Block",
    "Compute",
    "blocks",
    "compute_of",
    "deviation",
    "ended_compute",
    "full_runs",
    "idle_share",
    "iterations_of",
    "last_scores",
    "noise",
    "outcome_of",
    "value_of",
]

#: How many full runs are needed to tell the noise of a run.
LEAST_RUNS = 3
#: The outcomes of trials that a rule stopped.
STOPPED = ("collapsed", UNDERPERFORMING)


def full_runs(view: StudyView) -> tuple[TrialView, ...]:
    """The complete trials that count, the best one first."""
    complete = [trial for trial in view.trials if trial.state == "complete" and trial.counted]
    return tuple(sorted(complete, key=lambda trial: (-value_of(trial), trial.number)))


def value_of(trial: TrialView) -> float:
    """The value of a complete trial."""
    assert trial.value is not None, "a complete trial has a value"
    return trial.value


def last_scores(trial: TrialView) -> list[float]:
    """The scores of the last evaluations, which the value of a full run is computed from."""
    return [trial.scores[step] for step in sorted(trial.scores)[-LAST_EVALUATIONS:]]


def noise(view: StudyView) -> float | None:
    """Typical standard deviation of a full run's last scores; None with too few full runs.

    Values that differ by less cannot be told apart without further seeds: two seeds differ by
    more than two evaluations of the same run.
    """
    found = [deviation(trial) for trial in full_runs(view)]
    spreads = [each for each in found if each is not None]
    return statistics.median(spreads) if len(spreads) >= LEAST_RUNS else None


def deviation(trial: TrialView) -> float | None:
    """Standard deviation of a run's last scores; None with fewer than two.

    It is computed from the differences of successive scores, so that a run that still improves
    does not look noisy.
    """
    steps = [(after - before) ** 2 for before, after in itertools.pairwise(last_scores(trial))]
    return math.sqrt(statistics.fmean(steps) / 2) if steps else None


def outcome_of(trial: TrialView) -> str:
    """``complete``, ``collapsed``, ``underperforming``, ``imported``, or another state."""
    if not trial.counted:
        return "imported" if trial.imported else "not counted"
    return trial.state if trial.kind is None else kind_text(trial.kind)


@dataclass(frozen=True, kw_only=True)
class Compute:
    """Iterations of the trials with one outcome."""

    trials: int
    trained: int
    #: What full runs of the same trials would have taken.
    planned: int
    #: Those that were not trained because a rule stopped the trial.
    saved: int


def compute_of(details: StudyDetails) -> Mapping[str, Compute]:
    """Iterations trained and planned, by outcome; the most frequent outcome first."""
    return _by_outcome(
        details.view,
        [
            (trial, iterations_of(details, trial))
            for trial in details.view.trials
            if trial.state != "waiting" and not trial.imported
        ],
    )


def ended_compute(view: StudyView) -> Mapping[str, Compute]:
    """Iterations that ended trials trained and planned, by outcome, without their reports."""
    ended = [trial for trial in view.trials if trial.ended and not trial.imported]
    return _by_outcome(view, [(trial, int(trial.figures.get("iteration", 0))) for trial in ended])


def _by_outcome(
    view: StudyView, trained_by: Sequence[tuple[TrialView, int]]
) -> Mapping[str, Compute]:
    planned = int(view.setting("training.iterations") or 0)
    groups: dict[str, list[int]] = {}
    for trial, trained in trained_by:
        groups.setdefault(outcome_of(trial), []).append(trained)
    return {
        outcome: _compute(trained, planned * len(trained), stopped=outcome in STOPPED)
        for outcome, trained in sorted(groups.items(), key=lambda item: -len(item[1]))
    }


def _compute(trained: Sequence[int], planned: int, *, stopped: bool) -> Compute:
    spent = sum(trained)
    saved = max(0, planned - spent) if stopped else 0
    return Compute(trials=len(trained), trained=spent, planned=planned, saved=saved)


def iterations_of(details: StudyDetails, trial: TrialView) -> int:
    """Iterations that a trial trained, up to its last evaluation."""
    reports = details.reports.get(trial.number, ())
    return int(max(trial.figures.get("iteration", 0), reports[-1].iteration if reports else 0))


@dataclass(frozen=True, kw_only=True)
class Block:
    """The time that one trial held a seat."""

    trial: TrialView
    #: From 0.
    seat: int
    began: datetime.datetime
    ended: datetime.datetime


def blocks(details: StudyDetails) -> tuple[Block, ...]:
    """When each trial held a seat, reconstructed from the times that are stored.

    The database stores when a trial was sampled and when it ended, but not which seat ran it. Free
    seats take waiting trials in order, so that a trial begins when it is sampled, or when the
    first seat becomes free after that.
    """
    trials = [
        trial
        for trial in details.view.trials
        if trial.started_at is not None and not trial.imported
    ]
    latest = max(
        (time for trial in trials for time in (trial.started_at, trial.ended_at) if time),
        default=datetime.datetime.min,
    )
    free: list[datetime.datetime] = [datetime.datetime.min] * details.seats
    found = []
    for trial in trials:
        assert trial.started_at is not None
        seat = min(range(len(free)), key=free.__getitem__)
        ended = trial.ended_at or latest
        began = min(max(trial.started_at, free[seat]), ended)
        free[seat] = max(ended, free[seat])
        found.append(Block(trial=trial, seat=seat, began=began, ended=ended))
    return tuple(found)


def idle_share(found: Sequence[Block]) -> float:
    """Share of the time between a seat's first and last trial in which it had none."""
    busy = idle = 0.0
    until: dict[int, datetime.datetime] = {}
    for block in found:
        busy += (block.ended - block.began).total_seconds()
        if block.seat in until:
            idle += max(0.0, (block.began - until[block.seat]).total_seconds())
        until[block.seat] = block.ended
    return idle / (busy + idle) if busy + idle else 0.0
