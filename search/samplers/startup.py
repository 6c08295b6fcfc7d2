"""The start-up trials of every search: the defaults, then quasi-random points.

Trial 0 has the default values; trials 1 to 19 are the first points of a scrambled Sobol sequence.
A point depends only on the seed of the study and the number of the trial.
"""

import importlib
import math
import threading

from search.spaces import Space
from trainer.hyper_parameters import HyperParameter

__all__ = ["STARTUP_TRIALS", "from_unit", "preload", "quasi_random_point", "startup_point"]

STARTUP_TRIALS = 20  # including trial 0, which has the defaults


def preload() -> None:
    """Begin to import what the sequence needs: a second's work, while the workers start."""
    arguments = ("scipy.stats",)
    threading.Thread(target=importlib.import_module, args=arguments, daemon=True).start()


def startup_point(space: Space, number: int, seed: int) -> dict[str, float]:
    """Parameters of start-up trial ``number``: the defaults, then quasi-random points."""
    assert 0 <= number < STARTUP_TRIALS, f"trial {number} is past start-up"
    return quasi_random_point(space, number, seed) if number else dict(space.defaults)


def quasi_random_point(space: Space, number: int, seed: int) -> dict[str, float]:
    """Point ``number`` (from 1) of the study's scrambled Sobol sequence over the space."""
    if not space.hyper_parameters:
        return {}  # another trial of the space ``fixed``, in place of one that failed
    import scipy  # lazily: the command line reads the samplers' names

    from trainer.seeds import numpy_generator

    dimensions, generator = len(space.hyper_parameters), numpy_generator(seed, "quasi-random")
    sequence = scipy.stats.qmc.Sobol(d=dimensions, rng=generator)
    if number > 1:
        sequence.fast_forward(number - 1)
    shares = sequence.random(1)[0]
    return {
        parameter.name: from_unit(parameter, share)
        for parameter, share in zip(space.hyper_parameters, shares.tolist(), strict=True)
    }


def from_unit(parameter: HyperParameter, share: float) -> float:
    """The hyper-parameter's value at a share of its range, from 0 to 1, on its own scale."""
    if not parameter.log:
        return parameter.low + share * (parameter.high - parameter.low)
    low, high = math.log(parameter.low), math.log(parameter.high)
    return min(max(math.exp(low + share * (high - low)), parameter.low), parameter.high)
