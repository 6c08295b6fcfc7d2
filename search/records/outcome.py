"""How a trial ends, as types, and how these map to a trial's state in Optuna.

A crash is never a score, and a collapsed run is never a failure: samplers ignore failed trials,
and would sample from a bad region again and again. Only :func:`trial_end` decides what is stored,
and only :func:`end_attributes` names it, for the in-memory study and for PostgreSQL.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from search.objectives import Objective
from trainer.records import Report

__all__ = [
    "COLLAPSE_ATTRIBUTE",
    "END_ATTRIBUTE",
    "FAILURE_ATTRIBUTE",
    "FOREIGN_ATTRIBUTE",
    "Completed",
    "Failed",
    "Keep",
    "Outcome",
    "Prune",
    "PruneKind",
    "Pruned",
    "TrialEnd",
    "Verdict",
    "end_attributes",
    "end_mark",
    "kind_text",
    "prune_kind",
    "prune_reason",
    "trial_end",
    "write_end",
]

#: ``collapsed``: the run is worthless; ``behind``: it is healthy, but underperforming.
PruneKind = Literal["collapsed", "behind"]
UNDERPERFORMING = "underperforming"

#: System attribute in which Optuna 5 stores the constraint ``collapse`` of a trial. A value above
#: 0 is infeasible, and TPE ranks infeasible trials last. It is what
#: ``optuna.trial.Trial.set_constraint("collapse", …)`` writes, which needs a ``Trial``.
COLLAPSE_ATTRIBUTE = "constraints:collapse"
HEALTHY, COLLAPSED = 0.0, 1.0
#: System attribute of a trial in PostgreSQL: the end that its driver stored, see :func:`end_mark`.
END_ATTRIBUTE = "unim2:end"
#: System attribute of an in-memory trial that somebody else ended: its original state.
FOREIGN_ATTRIBUTE = "unim2:foreign"
#: User attribute of a failed trial: the last error in one line.
FAILURE_ATTRIBUTE = "failure"

KIND_ATTRIBUTE = "prune_kind"
REASON_ATTRIBUTE = "prune_reason"


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


def trial_end(outcome: Outcome, reports: Sequence[Report], objective: Objective) -> TrialEnd:
    """Map an outcome to what is stored.

    Args:
        outcome: How the trial ended.
        reports: All its reports in order; may be empty.
        objective: What the study maximises.
    """
    seen = _last_report(reports)
    if isinstance(outcome, Completed):
        return TrialEnd(
            state=TrialState.COMPLETE, value=outcome.value, attributes=seen, constraint=HEALTHY
        )
    if isinstance(outcome, Pruned):
        return TrialEnd(
            state=TrialState.PRUNED,
            value=_last_finite_score(reports, objective),
            attributes={**seen, KIND_ATTRIBUTE: outcome.kind, REASON_ATTRIBUTE: outcome.reason},
            constraint=COLLAPSED if outcome.kind == "collapsed" else HEALTHY,
        )
    return TrialEnd(
        state=TrialState.FAIL,
        value=None,
        attributes={**seen, FAILURE_ATTRIBUTE: outcome.reason, "traceback": outcome.traceback},
        constraint=None,
    )


def end_mark(study: str, number: int, state: TrialState, value: float | None) -> list[Any]:
    """The mark that a driver stores with a trial that it ends, to recognise ends by others."""
    return [study, number, state.name, value]


def end_attributes(
    end: TrialEnd, mark: list[Any] | None
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The user attributes and the system attributes of a trial that ends, in their order."""
    system: dict[str, Any] = {}
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
        mark: The :func:`end_mark` to store; None for none.

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


def kind_text(kind: PruneKind) -> str:
    """The kind of a pruned trial in words; ``behind`` is the word that studies store."""
    return UNDERPERFORMING if kind == "behind" else kind


def prune_kind(trial: FrozenTrial) -> PruneKind | None:
    """The kind of rule that stopped a stored trial; None if none did."""
    if trial.state is not TrialState.PRUNED:
        return None
    return (
        "collapsed" if trial.system_attrs.get(COLLAPSE_ATTRIBUTE, HEALTHY) > HEALTHY else "behind"
    )


def prune_reason(trial: FrozenTrial) -> str | None:
    """Why a stored trial was stopped; None if it was not."""
    reason: str | None = trial.user_attrs.get(REASON_ATTRIBUTE)
    return reason


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
    return {"evaluation": last.evaluation, "iteration": last.iteration, **defined}


def _last_finite_score(reports: Sequence[Report], objective: Objective) -> float | None:
    for report in reversed(reports):
        if math.isfinite(found := objective.score(report)):
            return found
    return None
