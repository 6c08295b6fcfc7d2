"""The sampler ``gp``: a Gaussian process (Matérn 5/2) and the logarithm of expected improvement.

Optuna's GPSampler, with a length scale for each parameter and a noise term; for the logarithm, see
Ament et al. 2023, https://arxiv.org/abs/2310.20708. It learns from complete trials only, so
regions where runs collapse would stay unknown to it. It therefore reads a copy of the study in
which pruned trials are complete: a collapsed one with the worst value of the study, one that was
underperforming with its last score. Running trials count as points whose value is still unknown.

A proposal takes about a second for 200 trials, and longer for more.
"""

import warnings
from collections.abc import Iterator

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import GPSampler
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.samplers import random
from search.samplers.optuna_seed import optuna_seed
from search.samplers.quiet import LBFGSB, STORAGE, quiet
from search.samplers.startup import STARTUP_TRIALS, startup_point
from search.spaces import Space

__all__ = ["propose"]


def propose(study: optuna.Study, space: Space, number: int, seed: int) -> dict[str, float]:
    """Parameters of trial ``number``; after start-up, proposed from the study.

    At random as long as no trial of the study has a value.
    """
    if number < STARTUP_TRIALS:
        return startup_point(space, number, seed)
    trials = list(_as_complete(study, space, number))
    if all(trial.state is TrialState.RUNNING for trial in trials):
        return random.propose(study, space, number, seed)
    storage = InMemoryStorage()
    with quiet(STORAGE):
        study_id = storage.create_new_study([StudyDirection.MAXIMIZE], "view")
    for trial in trials:
        storage.create_new_trial(study_id, trial)
    own = storage.get_trial(storage.create_new_trial(study_id))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        sampler = GPSampler(seed=optuna_seed(seed, number), n_startup_trials=0)
    view = optuna.Study(study_name="view", storage=storage)
    with quiet(LBFGSB):
        found = sampler.sample_relative(view, own, dict(space.distributions))
    return space.check(found)


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
