"""What the attributes of a stored trial mean: why it was stopped, who ended it, who queued it.

Works on trials of Optuna's and on those that :mod:`storage.optuna_tables` reads without Optuna.
"""

import datetime
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol

from search.records.counts import Counts

__all__ = [
    "CANONICAL_ATTRIBUTE",
    "CLASS_IOU_ATTRIBUTE",
    "COLLAPSE_ATTRIBUTE",
    "DATA_NOTES_ATTRIBUTE",
    "END_ATTRIBUTE",
    "FAILURE_ATTRIBUTE",
    "FOREIGN_ATTRIBUTE",
    "HEALTHY",
    "IMPORTED",
    "IMPORTED_ATTRIBUTE",
    "KIND_ATTRIBUTE",
    "QUEUED_ATTRIBUTE",
    "REASON_ATTRIBUTE",
    "STARTING_ATTRIBUTE",
    "TEST_ATTRIBUTE",
    "UNDERPERFORMING",
    "AnyState",
    "AnyTrial",
    "PruneKind",
    "canonical_of",
    "class_iou_of",
    "count_trials",
    "counted_as",
    "end_mark",
    "ended_by_driver",
    "is_counted",
    "is_imported",
    "kind_text",
    "prune_kind",
    "prune_reason",
    "test_of",
]

#: ``collapsed``: the run is worthless; ``behind``: it is healthy, but underperforming.
PruneKind = Literal["collapsed", "behind"]
UNDERPERFORMING = "underperforming"

#: System attribute in which Optuna 5 stores the constraint ``collapse`` of a trial. A value above
#: 0 is infeasible, and TPE ranks infeasible trials last. It is what
#: ``optuna.trial.Trial.set_constraint("collapse", …)`` writes, which needs a ``Trial``.
COLLAPSE_ATTRIBUTE = "constraints:collapse"
HEALTHY = 0.0
#: System attribute of a trial in PostgreSQL: the end that its driver stored, see :func:`end_mark`,
#: or :data:`IMPORTED`.
END_ATTRIBUTE = "unim2:end"
#: The end of a trial that was imported from a file. It is not the mark of a driver, so that
#: earlier versions do not count the trial either.
IMPORTED = "imported"
#: System attribute of an in-memory trial that somebody else ended: its original state.
FOREIGN_ATTRIBUTE = "unim2:foreign"
#: User attribute of a failed trial: the last error in one line.
FAILURE_ATTRIBUTE = "failure"
#: User attributes of a pruned trial.
KIND_ATTRIBUTE = "prune_kind"
REASON_ATTRIBUTE = "prune_reason"
#: User attribute of a trial: the IoU of its last evaluation by class, in percent.
CLASS_IOU_ATTRIBUTE = "class_iou"
#: User attribute of a trial: its canonical vector (``search/spaces/canonical.py``).
CANONICAL_ATTRIBUTE = "canonical"
#: User attribute of a trial that somebody queued: by whom, and with which parameters.
QUEUED_ATTRIBUTE = "queued"
#: User attribute of a trial that was queued as a starting point: where it comes from.
STARTING_ATTRIBUTE = "starting_point"
#: User attribute of an imported trial: the file, and the trial in it.
IMPORTED_ATTRIBUTE = "imported"
#: User attribute of the study: facts about its data set, one line each.
DATA_NOTES_ATTRIBUTE = "data_notes"
#: User attribute of the study: which trial was scored on the test split, and its scores.
TEST_ATTRIBUTE = "test"


class AnyState(Protocol):
    """A state of a trial, by Optuna's names."""

    @property
    def name(self) -> str:
        """Such as ``COMPLETE``."""

    def is_finished(self) -> bool:
        """Whether it is final."""


class AnyTrial(Protocol):
    """A stored trial, whoever read it."""

    @property
    def number(self) -> int:
        """Its number in the study."""

    @property
    def state(self) -> AnyState:
        """How it stands."""

    @property
    def values(self) -> Sequence[float] | None:
        """Its one value; None if it has none."""

    @property
    def params(self) -> Mapping[str, Any]:
        """Its parameters, by name."""

    @property
    def intermediate_values(self) -> Mapping[int, float]:
        """The score by evaluation."""

    @property
    def user_attrs(self) -> Mapping[str, Any]:
        """Optuna's user attributes."""

    @property
    def system_attrs(self) -> Mapping[str, Any]:
        """Optuna's system attributes."""

    @property
    def datetime_start(self) -> datetime.datetime | None:
        """When it was created, in local time; None if it waits."""

    @property
    def datetime_complete(self) -> datetime.datetime | None:
        """When it ended, in local time; None before."""


def count_trials(trials: Iterable[AnyTrial]) -> Counts:
    """Number of trials in each state."""
    return Counts(**Counter(counted_as(trial) for trial in trials))


def counted_as(trial: AnyTrial) -> str:
    """The field of :class:`Counts` that counts a trial."""
    if is_imported(trial):
        return "imported"
    if FOREIGN_ATTRIBUTE in trial.system_attrs:
        return "foreign"
    if trial.state.name == "FAIL":
        return "failed"
    return prune_kind(trial) or trial.state.name.lower()


def end_mark(study: str, number: int, state: AnyState, value: float | None) -> list[Any]:
    """The mark that a driver stores with a trial that it ends, to recognise ends by others."""
    return [study, number, state.name, value]


def ended_by_driver(trial: AnyTrial, study: str) -> bool:
    """Whether a driver of this study ended a stored, finished trial.

    Earlier versions left no mark; their trials are recognised by other attributes.
    """
    mark = trial.system_attrs.get(END_ATTRIBUTE)
    if mark is not None:
        value = trial.values[0] if trial.values else None
        return bool(mark == end_mark(study, trial.number, trial.state, value))
    if trial.state.name == "FAIL":
        return FAILURE_ATTRIBUTE in trial.user_attrs
    return COLLAPSE_ATTRIBUTE in trial.system_attrs


def is_imported(trial: AnyTrial) -> bool:
    """Whether the trial comes from a file: samplers learn from it, but it does not count."""
    return bool(trial.system_attrs.get(END_ATTRIBUTE) == IMPORTED)


def is_counted(trial: AnyTrial, study: str) -> bool:
    """Whether the trial counts: it has not ended, or a driver of this study ended it."""
    return not trial.state.is_finished() or ended_by_driver(trial, study)


def kind_text(kind: PruneKind) -> str:
    """The kind of a pruned trial in words; ``behind`` is the word that studies store."""
    return UNDERPERFORMING if kind == "behind" else kind


def prune_kind(trial: AnyTrial) -> PruneKind | None:
    """The kind of rule that stopped a stored trial; None if none did."""
    if trial.state.name != "PRUNED":
        return None
    return (
        "collapsed" if trial.system_attrs.get(COLLAPSE_ATTRIBUTE, HEALTHY) > HEALTHY else "behind"
    )


def prune_reason(trial: AnyTrial) -> str | None:
    """Why a stored trial was stopped; None if it was not."""
    reason: str | None = trial.user_attrs.get(REASON_ATTRIBUTE)
    return reason


def class_iou_of(trial: AnyTrial) -> dict[str, float]:
    """The IoU by class of a trial's last evaluation; empty if it has none.

    Trials of earlier versions, pruned ones and those of data without labels have none.
    """
    return _numbers(trial.user_attrs.get(CLASS_IOU_ATTRIBUTE))


def canonical_of(trial: AnyTrial) -> dict[str, float]:
    """The canonical vector that is stored with a trial; empty if it has none.

    Trials of earlier versions have none.
    """
    return _numbers(trial.user_attrs.get(CANONICAL_ATTRIBUTE))


def _numbers(stored: object) -> dict[str, float]:
    """The numbers of a stored table; none if somebody stored something else there."""
    if not isinstance(stored, dict):
        return {}
    return {
        str(name): float(item) for name, item in stored.items() if isinstance(item, int | float)
    }


def test_of(attributes: Mapping[str, Any]) -> dict[str, Any] | None:
    """The test scores among a study's user attributes; None if there are none.

    An attribute with the same name but another form, set by somebody else, is ignored.
    """
    stored = attributes.get(TEST_ATTRIBUTE)
    return stored if isinstance(stored, dict) and isinstance(stored.get("trial"), int) else None
