"""Trials as Optuna has them."""

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from search.records.stored_trial import is_counted, prune_reason
from search.transfer.trial_files.found_trial import FoundTrial, Outcome, TrialFile

__all__ = ["of_optuna"]

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


def of_optuna(
    trials: Sequence[FrozenTrial],
    *,
    study: str | None,
    objective: str | None,
    config: Mapping[str, Any] | None = None,
) -> TrialFile:
    """The trials of a study of Optuna's.

    Args:
        trials: All of them.
        study: The name of a study of this program, of which only trials that count are taken;
            None for any other study.
        objective: Name of the study's objective; None if it does not say.
        config: Its configuration as tables; None if it does not say.
    """
    finished = [
        _found(trial)
        for trial in trials
        if trial.state in FINISHED and (study is None or is_counted(trial, study))
    ]
    return TrialFile(
        trials=finished,
        unfinished=len(trials) - len(finished),
        objective=objective,
        config=config,
    )


def _found(trial: FrozenTrial) -> FoundTrial:
    return FoundTrial(
        place=f"trial {trial.number}",
        outcome=_outcome(trial),
        value=trial.values[0] if trial.values else None,
        params=trial.params,
        scores=trial.intermediate_values,
        reason=str(prune_reason(trial) or ""),
    )


def _outcome(trial: FrozenTrial) -> Outcome:
    if trial.state is TrialState.COMPLETE:
        return "complete"
    collapsed = any(amount > 0 for amount in trial.constraints.values())
    return "collapsed" if collapsed else "underperforming"
