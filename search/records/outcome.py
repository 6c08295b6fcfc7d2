"""How a trial ends, as types, and how these map to a trial's state in Optuna.

A crash is never a score, and a collapsed run is never a failure: samplers ignore failed trials,
and would sample from a bad region again and again. Only :func:`trial_end` decides what is stored,
and only :func:`end_attributes` names it, for the in-memory study and for PostgreSQL.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from optuna.storages import BaseStorage
from optuna.trial import TrialState

from search.objectives import Objective
from search.records.stored_picture import StoredPicture, artifact_attributes
from search.records.stored_trial import (
    CLASS_IOU_ATTRIBUTE,
    COLLAPSE_ATTRIBUTE,
    END_ATTRIBUTE,
    FAILURE_ATTRIBUTE,
    HEALTHY,
    KIND_ATTRIBUTE,
    REASON_ATTRIBUTE,
    PruneKind,
)
from trainer.records import Report

__all__ = [
    "COLLAPSED",
    "Completed",
    "Failed",
    "Keep",
    "Outcome",
    "Prune",
    "Pruned",
    "TrialEnd",
    "Verdict",
    "end_attributes",
    "trial_end",
    "write_end",
]

COLLAPSED = 1.0  # of the constraint ``collapse``


@dataclass(frozen=True, kw_only=True)
class Completed:
    """The run trained to its end."""

    #: The objective's value of its reports; finite.
    value: float

    def __post_init__(self) -> None:
        assert math.isfinite(self.value), "a run without a finite value is not complete"


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """A rule stopped the run."""

    kind: PruneKind
    #: One short sentence with the figures.
    reason: str


@dataclass(frozen=True, kw_only=True)
class Failed:
    """The run crashed, and its retries are used up."""

    #: The last error in one line.
    reason: str
    #: Its traceback.
    traceback: str


Outcome = Completed | Pruned | Failed


@dataclass(frozen=True, kw_only=True)
class Keep:
    """Continue the run."""


@dataclass(frozen=True, kw_only=True)
class Prune:
    """Stop the run."""

    kind: PruneKind
    #: One short sentence with the figures.
    reason: str

    def outcome(self) -> Pruned:
        """The outcome of a trial that this verdict stops."""
        return Pruned(kind=self.kind, reason=self.reason)


Verdict = Keep | Prune


@dataclass(frozen=True, kw_only=True)
class TrialEnd:
    """What is stored when a trial ends."""

    state: TrialState
    #: The trial's value; for a pruned trial the last finite score, None if there is none.
    value: float | None
    #: User attributes, plain JSON values.
    attributes: Mapping[str, Any]
    #: Constraint ``collapse``: 0 for a healthy trial, 1 for a collapsed one, None if it failed.
    constraint: float | None
    #: System attributes by which Optuna knows the trial's pictures.
    artifacts: Mapping[str, Any] = field(default_factory=dict)


def trial_end(
    outcome: Outcome,
    reports: Sequence[Report],
    objective: Objective,
    pictures: Sequence[StoredPicture] = (),
) -> TrialEnd:
    """Map an outcome to what is stored.

    Args:
        outcome: How the trial ended.
        reports: All its reports in order; may be empty.
        objective: What the study maximises.
        pictures: Its pictures in the artifact store.
    """
    seen, artifacts = _last_report(reports), artifact_attributes(pictures)
    if isinstance(outcome, Completed):
        return TrialEnd(
            state=TrialState.COMPLETE,
            value=outcome.value,
            attributes=seen,
            constraint=HEALTHY,
            artifacts=artifacts,
        )
    if isinstance(outcome, Pruned):
        return TrialEnd(
            state=TrialState.PRUNED,
            value=_last_finite_score(reports, objective),
            attributes={**seen, KIND_ATTRIBUTE: outcome.kind, REASON_ATTRIBUTE: outcome.reason},
            constraint=COLLAPSED if outcome.kind == "collapsed" else HEALTHY,
            artifacts=artifacts,
        )
    return TrialEnd(
        state=TrialState.FAIL,
        value=None,
        attributes={**seen, FAILURE_ATTRIBUTE: outcome.reason, "traceback": outcome.traceback},
        constraint=None,
    )


def end_attributes(
    end: TrialEnd, mark: list[Any] | None
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The user attributes and the system attributes of a trial that ends, in their order."""
    system: dict[str, Any] = dict(end.artifacts)
    if end.constraint is not None:
        system[COLLAPSE_ATTRIBUTE] = end.constraint
    if mark is not None:
        system[END_ATTRIBUTE] = mark
    return end.attributes, system


def write_end(
    storage: BaseStorage, trial_id: int, end: TrialEnd, mark: list[Any] | None = None
) -> None:
    """Store the end of a running trial; the state is written last.

    If the process dies in between, the trial is still RUNNING, and its end can be written again.

    Args:
        storage: The in-memory study's storage, or PostgreSQL.
        trial_id: The trial's id in that storage.
        end: How it ended.
        mark: The :func:`~search.records.stored_trial.end_mark` to store; None for none.

    Raises:
        optuna.exceptions.UpdateFinishedTrialError: If the trial has already ended.
    """
    user, system = end_attributes(end, mark)
    for key, item in user.items():
        storage.set_trial_user_attr(trial_id, key, item)
    for key, item in system.items():
        storage.set_trial_system_attr(trial_id, key, item)
    values = None if end.value is None else [end.value]
    storage.set_trial_state_values(trial_id, end.state, values)


def _last_report(reports: Sequence[Report]) -> dict[str, Any]:
    """How far the trial came, and the figures of its last report that are finite."""
    if not reports:
        return {}
    last = reports[-1]
    figures = {
        "miou": last.cluster.miou,
        "accuracy": last.cluster.accuracy,
        "linear_miou": last.linear.miou,
        "loss": last.loss,
    }
    defined = {name: figure for name, figure in figures.items() if math.isfinite(figure)}
    by_class = {name: iou for name, iou in last.class_iou.items() if math.isfinite(iou)}
    return {
        "evaluation": last.evaluation,
        "iteration": last.iteration,
        **defined,
        **({CLASS_IOU_ATTRIBUTE: by_class} if by_class else {}),
    }


def _last_finite_score(reports: Sequence[Report], objective: Objective) -> float | None:
    for report in reversed(reports):
        if math.isfinite(found := objective.score(report)):
            return found
    return None
