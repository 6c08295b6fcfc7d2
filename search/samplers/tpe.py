"""The sampler ``tpe``: Optuna 5's multivariate TPE with constant liar, over the whole space.

Watanabe 2023, https://arxiv.org/abs/2304.11127. Optuna's settings are used (24 candidates,
gamma = min(ceil(0.1 n), 25)), with the start-up trials of ``startup.py``. Running trials count as
bad ones, so that workers do not sample the same region; infeasible (collapsed) trials rank last.
"""

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.trial import TrialState, create_trial

from search.samplers.optuna_seed import optuna_seed
from search.samplers.startup import STARTUP_TRIALS, startup_point
from search.spaces import Space

__all__ = ["OneProposal", "propose"]


def propose(study: optuna.Study, space: Space, number: int, seed: int) -> dict[str, float]:
    """Parameters of trial ``number``; after start-up, proposed from the study."""
    if number < STARTUP_TRIALS:
        return startup_point(space, number, seed)
    sampler = OneProposal(n_startup_trials=0, seed=optuna_seed(seed, number))
    together = dict(sorted(space.distributions.items()))
    return space.check(sampler.propose(study, number, together))


class OneProposal(TPESampler):
    """TPE for a trial that is not in the study yet."""

    def propose(
        self, study: optuna.Study, number: int, distributions: dict[str, BaseDistribution]
    ) -> dict[str, float]:
        """Sample all of these parameters at once.

        The public ``ask`` and ``sample_relative`` would use the intersection of the trials'
        spaces, and store the proposal with a trial that must already exist. A test checks that
        they propose the same values.
        """
        trial = create_trial(state=TrialState.RUNNING)
        trial.number = number
        return self._sample(study, trial, distributions)
