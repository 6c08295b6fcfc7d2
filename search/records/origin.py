"""The origin of a stored trial: anybody can add trials to a study, or end them, through Optuna.

A trial counts if a driver of this search ended it. Optuna does not allow anybody to undo the end
of a trial, so a trial that somebody else ended, or added as ended, is shown, but neither counted
nor used by the sampler: this search did not measure its value.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution, check_distribution_compatibility
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.records.outcome import (
    COLLAPSE_ATTRIBUTE,
    END_ATTRIBUTE,
    FAILURE_ATTRIBUTE,
    FOREIGN_ATTRIBUTE,
    end_mark,
)
from search.spaces import Space

__all__ = [
    "QUEUED_ATTRIBUTE",
    "Unsuitable",
    "counted",
    "ended_by_driver",
    "given_parameters",
    "queued_text",
    "without_gaps",
]

#: User attribute of a trial that somebody queued: by whom, and with which parameters.
QUEUED_ATTRIBUTE = "queued"
#: System attribute in which ``study.enqueue_trial`` stores the given parameters.
FIXED_ATTRIBUTE = "fixed_params"


class Unsuitable(Exception):
    """The parameters of a queued trial do not fit the search space; the message is the reason."""


def ended_by_driver(trial: FrozenTrial, study: str) -> bool:
    """Whether a driver of this study ended a stored, finished trial.

    Earlier versions left no mark; their trials are recognised by other attributes.
    """
    mark = trial.system_attrs.get(END_ATTRIBUTE)
    if mark is not None:
        value = trial.values[0] if trial.values else None
        return bool(mark == end_mark(study, trial.number, trial.state, value))
    if trial.state is TrialState.FAIL:
        return FAILURE_ATTRIBUTE in trial.user_attrs
    return COLLAPSE_ATTRIBUTE in trial.system_attrs


def counted(trial: FrozenTrial, study: str) -> FrozenTrial:
    """The trial as counts, samplers and pruners see it.

    A trial that somebody else ended keeps only its number: it becomes a failed trial with an
    attribute that holds its original state.
    """
    if not trial.state.is_finished() or ended_by_driver(trial, study):
        return trial
    return _uncounted(trial.number, trial.state.name)


def without_gaps(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials by number; deleted ones are replaced by failed trials that do not count."""
    known = {trial.number: trial for trial in reversed(trials)}
    numbers = range(max(known, default=-1) + 1)
    return [known.get(number) or _uncounted(number, "deleted") for number in numbers]


def _uncounted(number: int, how: str) -> FrozenTrial:
    trial = create_trial(state=TrialState.FAIL, system_attrs={FOREIGN_ATTRIBUTE: how})
    trial.number = number
    return trial


def given_parameters(trial: FrozenTrial, space: Space) -> dict[str, float]:
    """The parameters that somebody gave to a queued trial; the others will be sampled.

    Raises:
        Unsuitable: If a name is not in the space, or a value is out of range.
    """
    for name, stored in trial.distributions.items():
        _check_kind(name, stored, space.distributions)
    fixed = trial.system_attrs.get(FIXED_ATTRIBUTE, {})
    if not isinstance(fixed, Mapping):
        raise Unsuitable(
            f"its {FIXED_ATTRIBUTE} is not a table: queue it with study.enqueue_trial"
        )
    known = {parameter.name: parameter for parameter in space.hyper_parameters}
    given: dict[str, float] = {}
    for name, value in {**fixed, **trial.params}.items():
        if name not in known:
            raise Unsuitable(
                f"{name!r:.80} is not searched in this study: give only {', '.join(known)}"
            )
        low, high = known[name].low, known[name].high
        if not _is_number(value) or not low <= value <= high:
            raise Unsuitable(
                f"{name} = {value!r:.80} is out of range: give a number from {low:g} to {high:g}"
            )
        given[name] = float(value)
    return given


def queued_text(given: Mapping[str, float]) -> str:
    """The text of the attribute ``queued``."""
    values = ", ".join(f"{name} = {value:g}" for name, value in given.items())
    return f"by a person, with {values or 'no parameters given'}"


def _check_kind(name: str, stored: BaseDistribution, ours: Mapping[str, BaseDistribution]) -> None:
    if name not in ours:
        return  # refused by its name
    try:
        check_distribution_compatibility(ours[name], stored)
    except ValueError as error:
        raise Unsuitable(
            f"{name} has another distribution ({stored!s:.80}) than in this study: queue it with"
            " study.enqueue_trial"
        ) from error


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
