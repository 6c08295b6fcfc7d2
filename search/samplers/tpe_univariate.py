"""The sampler ``tpe-univariate``: TPE that models each parameter on its own.

This was Optuna's default before version 5 (Bergstra et al. 2011, NeurIPS 24), and is the sampler
of the authors' released search. It cannot learn that two parameters are good only together.
Otherwise it is as ``tpe``.
"""

from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers._tpe.sampler import _split_trials, default_gamma
from optuna.trial import FrozenTrial, TrialState

from search.samplers.optuna_seed import optuna_seed
from search.samplers.startup import STARTUP_TRIALS, startup_point
from search.samplers.tpe import OneProposal
from search.spaces import Space

__all__ = ["EachOnItsOwn", "propose"]

#: States of the trials that TPE learns from; running ones count as bad.
LEARNED_FROM = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)


def propose(study: optuna.Study, space: Space, number: int, seed: int) -> dict[str, float]:
    """Parameters of trial ``number``; after start-up, proposed from the study."""
    if number < STARTUP_TRIALS:
        return startup_point(space, number, seed)
    sampler = EachOnItsOwn(n_startup_trials=0, seed=optuna_seed(seed, number), multivariate=False)
    return space.check(sampler.propose(study, number, space.distributions))


class EachOnItsOwn(OneProposal):
    """TPE that divides the trials into good and bad ones once for all parameters.

    Optuna's ``sample_independent`` divides them again for each, which takes three times as long.
    A test checks that its public ``ask`` proposes the same values.
    """

    def _sample(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        trials = [
            each for each in study.get_trials(False, LEARNED_FROM) if each.number != trial.number
        ]
        running = sum(each.state is TrialState.RUNNING for each in trials)
        good, bad = (
            self._get_internal_repr(part, search_space, study)
            for part in _split_trials(study, trials, default_gamma(len(trials) - running))
        )
        proposed: dict[str, Any] = {}
        for name, distribution in search_space.items():
            space = {name: distribution}
            models = tuple(
                self._parzen_estimator_cls(
                    {name: values[name]}, space, self._parzen_estimator_parameters
                )
                for values in (good, bad)
            )
            candidates = models[0].sample(self._rng.rng, self._n_ei_candidates)
            gain = self._compute_acquisition_func(candidates, *models)
            best = self._compare(candidates, gain)[name]
            proposed[name] = distribution.to_external_repr(best)
        return proposed
