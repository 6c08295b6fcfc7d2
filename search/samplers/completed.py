"""A copy of the study for samplers that learn from complete trials only.

Regions where runs collapse would stay unknown to such a sampler. In the copy, pruned trials are
complete: a collapsed one with the worst value of the study, one that was underperforming with its
last score. Running trials stay running.
"""

from collections.abc import Iterator

import optuna
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.samplers.quiet import STORAGE, quiet
from search.spaces import Space

__all__ = ["completed_view"]


def completed_view(
    study: optuna.Study, space: Space, number: int
) -> tuple[optuna.Study, FrozenTrial] | None:
    """The copy, and a new running trial of it; None if no trial of the study has a value.

    Args:
        study: The in-memory study.
        space: Its search space; trials without all its parameters are left out.
        number: Number of the trial that is to be sampled, which is left out, too.
    """
    trials = list(_as_complete(study, space, number))
    if all(trial.state is TrialState.RUNNING for trial in trials):
        return None
    storage = InMemoryStorage()
    with quiet(STORAGE):
        study_id = storage.create_new_study([StudyDirection.MAXIMIZE], "view")
    for trial in trials:
        storage.create_new_trial(study_id, trial)
    own = storage.get_trial(storage.create_new_trial(study_id))
    return optuna.Study(study_name="view", storage=storage), own


def _as_complete(study: optuna.Study, space: Space, number: int) -> Iterator[FrozenTrial]:
    """The running trials, and all others that have a value or collapsed, as complete ones."""
    known = [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.params.keys() >= space.distributions.keys() and trial.number != number
    ]
    healthy = [trial.values[0] for trial in known if trial.values and not _collapsed(trial)]
    for trial in known:
        value: float | None = None
        if trial.state.is_finished():
            if _collapsed(trial):
                value = min(healthy, default=None)
            elif trial.values:
                value = trial.values[0]
            if value is None:
                continue
        yield create_trial(
            state=TrialState.RUNNING if value is None else TrialState.COMPLETE,
            params={name: trial.params[name] for name in space.distributions},
            distributions=dict(space.distributions),
            value=value,
        )


def _collapsed(trial: FrozenTrial) -> bool:
    """Whether the trial violates a constraint, as collapsed ones do."""
    return any(amount > 0 for amount in trial.constraints.values())
