"""The origin of a stored trial: anybody can add trials to a study, or end them, through Optuna.

A trial counts if a driver of this search ended it. Optuna does not allow anybody to undo the end
of a trial, so a trial that somebody else ended, or added as ended, is shown, but neither counted
nor used by the sampler: this search did not measure its value. An imported trial does not count
either, but the sampler learns from it, because a user vouched for its value.
"""

import copy
from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution, check_distribution_compatibility
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.records.stored_trial import FOREIGN_ATTRIBUTE, is_counted, is_imported
from search.spaces import Space

__all__ = [
    "FIXED_ATTRIBUTE",
    "UnsuitableParameters",
    "counted",
    "given_parameters",
    "queued_text",
]

#: System attribute in which ``study.enqueue_trial`` stores the given parameters.
FIXED_ATTRIBUTE = "fixed_params"


class UnsuitableParameters(Exception):
    """The parameters of a queued trial do not fit the search space; the message is the reason."""


def counted(trial: FrozenTrial, study: str) -> FrozenTrial:
    """The trial as counts, samplers and pruners see it.

    An imported trial loses the scores of a full run, which only pruners read. A trial that
    somebody else ended keeps only its number: it becomes a failed trial with an attribute that
    holds its original state.
    """
    if is_counted(trial, study):
        return trial
    if is_imported(trial):
        if trial.state is TrialState.COMPLETE:  # Optuna's pruners would compare with its scores
            trial = copy.copy(trial)
            trial.intermediate_values = {}
        return trial
    system_attrs = {FOREIGN_ATTRIBUTE: trial.state.name}
    foreign = create_trial(state=TrialState.FAIL, system_attrs=system_attrs)
    foreign.number = trial.number
    return foreign


def given_parameters(trial: FrozenTrial, space: Space) -> dict[str, float]:
    """The parameters that somebody gave to a queued trial; the others will be sampled.

    Raises:
        UnsuitableParameters: If a name is not in the space, or a value is out of range.
    """
    for name, stored in trial.distributions.items():
        _check_kind(name, stored, space.distributions)
    fixed = trial.system_attrs.get(FIXED_ATTRIBUTE, {})
    if not isinstance(fixed, Mapping):
        raise UnsuitableParameters(
            f"its {FIXED_ATTRIBUTE} is not a table: queue it with study.enqueue_trial"
        )
    known = {parameter.name: parameter for parameter in space.hyper_parameters}
    given: dict[str, float] = {}
    for name, value in {**fixed, **trial.params}.items():
        if name not in known:
            raise UnsuitableParameters(
                f"{name!r:.80} is not searched in this study: give only {', '.join(known)}"
            )
        low, high = known[name].low, known[name].high
        if not _is_number(value) or not low <= value <= high:
            raise UnsuitableParameters(
                f"{name} = {value!r:.80} is out of range: give a number from {low:g} to {high:g}"
            )
        given[name] = float(value)
    return given


def queued_text(given: Mapping[str, float], origin: object = None) -> str:
    """The text of the attribute ``queued``.

    Args:
        given: The parameters that somebody gave.
        origin: Where a starting point comes from; None for a trial that a person queued.
    """
    if isinstance(origin, str):
        return f"as a starting point: {origin}"
    values = ", ".join(f"{name} = {value:g}" for name, value in given.items())
    return f"by a person, with {values or 'no parameters given'}"


def _check_kind(name: str, stored: BaseDistribution, ours: Mapping[str, BaseDistribution]) -> None:
    if name not in ours:
        return  # refused by its name
    try:
        check_distribution_compatibility(ours[name], stored)
    except ValueError as error:
        raise UnsuitableParameters(
            f"{name} has another distribution ({stored!s:.80}) than in this study: queue it with"
            " study.enqueue_trial"
        ) from error


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
