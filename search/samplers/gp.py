"""The sampler ``gp``: a Gaussian process (Matérn 5/2) and the logarithm of expected improvement.

Optuna's GPSampler, with a length scale for each parameter and a noise term; for the logarithm, see
Ament et al. 2023, https://arxiv.org/abs/2310.20708. It learns from complete trials only, so it
reads a copy of the study in which pruned trials are complete (``completed.py``). Running trials
count as points whose value is still unknown.

A proposal takes about a second for 200 trials, and longer for more.
"""

import warnings

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import GPSampler

from search.samplers import random
from search.samplers.completed import completed_view
from search.samplers.optuna_seed import optuna_seed
from search.samplers.quiet import LBFGSB, quiet
from search.samplers.startup import STARTUP_TRIALS, startup_point
from search.spaces import Space

__all__ = ["propose"]


def propose(study: optuna.Study, space: Space, number: int, seed: int) -> dict[str, float]:
    """Parameters of trial ``number``; after start-up, proposed from the study.

    At random as long as no trial of the study has a value.
    """
    if number < STARTUP_TRIALS:
        return startup_point(space, number, seed)
    found = completed_view(study, space, number)
    if found is None:
        return random.propose(study, space, number, seed)
    view, own = found
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        sampler = GPSampler(seed=optuna_seed(seed, number), n_startup_trials=0)
    with quiet(LBFGSB):
        proposed = sampler.sample_relative(view, own, dict(space.distributions))
    return space.check(proposed)
