"""The printer for scripts: studies and trials as JSON."""

import datetime
from typing import Any

from search.quality.assessment import Assessment
from search.quality.expected import Expected
from search.reporting.study_view import StudyView, TrialView

__all__ = ["assessment_json", "best_json", "study_json"]


def study_json(view: StudyView, assessment: Assessment | None = None) -> dict[str, Any]:
    """The state of a study, its counts, its best trial, and how far that can be trusted."""
    counts = view.counts
    return {
        "study": view.name,
        "state": view.state,
        "driver": view.driver,
        "target": view.target,
        "objective": view.objective,
        "protocol": view.protocol,
        "created_at": view.created_at.astimezone(datetime.UTC).isoformat(),
        "finished": counts.finished,
        "complete": counts.complete,
        "pruned": {"collapsed": counts.collapsed, "behind": counts.behind},
        "failed": counts.failed,
        "foreign": counts.foreign,
        "running": counts.running,
        "waiting": counts.waiting,
        "queued": view.queued,
        "best": None if view.best is None else best_json(view.best),
        "test": view.test,
        **assessment_json(assessment),
    }


def best_json(trial: TrialView) -> dict[str, Any]:
    """Number, value and hyper-parameters of a trial."""
    return {"trial": trial.number, "value": trial.value, "params": dict(trial.params)}


def assessment_json(assessment: Assessment | None) -> dict[str, Any]:
    """The three numbers; each is None if there is none, and a phrase says why none is expected."""
    numbers: dict[str, Any] = {"claimed": None, "expected": None, "confirmed": None}
    if assessment is None:
        return numbers
    numbers["claimed"] = {"trial": assessment.trial, "value": assessment.claimed}
    match assessment.expected:
        case Expected() as expected:
            numbers["expected"] = {
                "trial": expected.trial,
                "value": expected.mean,
                "interval": [expected.low, expected.high],
                "noise": expected.noise,
                "trials": expected.trials,
            }
        case not_expected:
            numbers["not_expected"] = not_expected.reason
    return numbers
