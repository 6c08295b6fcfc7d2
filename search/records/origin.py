"""Whose a stored trial is: anybody may add trials to a study, or end them, through Optuna.

A trial counts if a driver of this search has ended it. What somebody else has ended, or added
as ended, is a fact that Optuna does not let anybody undo; it is shown, but neither counted nor
learnt from, since its value was not measured by this search.
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

#: User attribute of a trial that somebody queued: by whom, and which parameters were given.
QUEUED_ATTRIBUTE = "queued"
#: System attribute under which ``study.enqueue_trial`` keeps the parameters that were given.
FIXED_ATTRIBUTE = "fixed_params"


class Unsuitable(Exception):
    """The parameters of a queued trial do not fit the search space; the message is the reason."""


def ended_by_driver(trial: FrozenTrial, study: str) -> bool:
    """Whether a finished trial was ended by a driver of this study, as it is stored.

    Trials that were stored before drivers left a mark are told by what else they leave.
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

    One that was ended by somebody else keeps its number and nothing else: it is a failed trial
    with a note of how it was ended.
    """
    if not trial.state.is_finished() or ended_by_driver(trial, study):
        return trial
    return _uncounted(trial.number, trial.state.name)


def without_gaps(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials by number; in place of those that were deleted there are uncounted ones."""
    known = {trial.number: trial for trial in reversed(trials)}
    numbers = range(max(known, default=-1) + 1)
    return [known.get(number) or _uncounted(number, "deleted") for number in numbers]


def _uncounted(number: int, how: str) -> FrozenTrial:
    trial = create_trial(state=TrialState.FAIL, system_attrs={FOREIGN_ATTRIBUTE: how})
    trial.number = number
    return trial


def given_parameters(trial: FrozenTrial, space: Space) -> dict[str, float]:
    """The parameters that somebody gave a trial which is not begun yet; others are drawn.

    Raises:
        Unsuitable: If a name is not in the space, or a value is not in its range.
    """
    for name, stored in trial.distributions.items():
        _check_kind(name, stored, space.distributions)
    fixed = trial.system_attrs.get(FIXED_ATTRIBUTE, {})
    if not isinstance(fixed, Mapping):
        raise Unsuitable(f"its {FIXED_ATTRIBUTE} are no table: queue it with study.enqueue_trial")
    knobs = {knob.name: knob for knob in space.knobs}
    given: dict[str, float] = {}
    for name, value in {**fixed, **trial.params}.items():
        if name not in knobs:
            raise Unsuitable(
                f"{name!r:.80} is not searched in this study: give only {', '.join(knobs)}"
            )
        low, high = knobs[name].low, knobs[name].high
        if not _is_number(value) or not low <= value <= high:
            raise Unsuitable(
                f"{name} = {value!r:.80} is out of range: give a number from {low:g} to {high:g}"
            )
        given[name] = float(value)
    return given


def queued_text(given: Mapping[str, float]) -> str:
    """What the attribute of a queued trial says."""
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
