"""The printer for scripts: studies and trials as JSON."""

import datetime
from typing import Any

from search.reporting.study_view import StudyView, TrialView

__all__ = ["best_json", "study_json"]


def study_json(view: StudyView) -> dict[str, Any]:
    """The state of a study, its counts and its best trial."""
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
    }


def best_json(trial: TrialView) -> dict[str, Any]:
    """Number, value and hyper-parameters of a trial."""
    return {"trial": trial.number, "value": trial.value, "params": dict(trial.params)}
