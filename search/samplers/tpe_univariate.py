"""The sampler ``tpe-univariate``: TPE that models each parameter on its own.

This was Optuna's default before version 5 (Bergstra et al. 2011, NeurIPS 24), and is the sampler
of the authors' released search. It cannot learn that two parameters are good only together.
Otherwise it is as ``tpe``.
"""

import optuna

from search.samplers.optuna_seed import optuna_seed
from search.samplers.startup import STARTUP_TRIALS, startup_point
from search.samplers.tpe import OneProposal
from search.spaces import Space

__all__ = ["propose"]


def propose(study: optuna.Study, space: Space, number: int, seed: int) -> dict[str, float]:
    """Parameters of trial ``number``; after start-up, proposed from the study."""
    if number < STARTUP_TRIALS:
        return startup_point(space, number, seed)
    sampler = OneProposal(n_startup_trials=0, seed=optuna_seed(seed, number), multivariate=False)
    proposed: dict[str, float] = {}
    for name, distribution in space.distributions.items():
        proposed |= sampler.propose(study, number, {name: distribution})
    return space.check(proposed)
