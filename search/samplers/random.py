"""The sampler ``random``: independent draws, the baseline of the others."""

import optuna

from search.samplers.startup import STARTUP_TRIALS, from_unit, startup_point
from search.spaces import Space
from trainer.seeds import numpy_generator

__all__ = ["propose"]


def propose(study: optuna.Study, space: Space, number: int, seed: int) -> dict[str, float]:
    """Parameters of trial ``number``; after start-up, drawn by the trial's own generator."""
    del study  # nothing is learnt
    if number < STARTUP_TRIALS:
        return startup_point(space, number, seed)
    shares = numpy_generator(seed, number, "sampler").random(len(space.knobs))
    return {
        knob.name: from_unit(knob, share)
        for knob, share in zip(space.knobs, shares.tolist(), strict=True)
    }
