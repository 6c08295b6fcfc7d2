"""The sampler ``random``: independent uniform samples, a baseline for the others."""

import optuna

from search.samplers.startup import STARTUP_TRIALS, from_unit, startup_point
from search.spaces import Space
from trainer.seeds import numpy_generator

__all__ = ["propose"]


def propose(study: optuna.Study, space: Space, number: int, seed: int) -> dict[str, float]:
    """Parameters of trial ``number``; after start-up, sampled by the trial's own generator."""
    del study  # this sampler does not learn
    if number < STARTUP_TRIALS:
        return startup_point(space, number, seed)
    shares = numpy_generator(seed, number, "sampler").random(len(space.hyper_parameters))
    return {
        parameter.name: from_unit(parameter, share)
        for parameter, share in zip(space.hyper_parameters, shares.tolist(), strict=True)
    }
