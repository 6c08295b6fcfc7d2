"""The sampler ``sobol``: continues the Sobol sequence of the start-up trials."""

import optuna

from search.samplers.startup import quasi_random_point
from search.spaces import Space

__all__ = ["propose"]


def propose(study: optuna.Study, space: Space, number: int, seed: int) -> dict[str, float]:
    """Parameters of trial ``number``: the defaults for trial 0, then one point per trial."""
    del study  # this sampler does not learn
    return quasi_random_point(space, number, seed) if number else dict(space.defaults)
