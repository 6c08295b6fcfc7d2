"""The sampler ``quasi-random``: the Sobol sequence of the start-up, carried on."""

import optuna

from search.samplers.startup import quasi_random_point
from search.spaces import Space

__all__ = ["propose"]


def propose(study: optuna.Study, space: Space, number: int, seed: int) -> dict[str, float]:
    """Parameters of trial ``number``: the defaults, then point after point."""
    del study  # nothing is learnt
    return quasi_random_point(space, number, seed) if number else dict(space.defaults)
