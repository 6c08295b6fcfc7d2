"""Samplers by name. A new one is one file and one line in the table."""

from collections.abc import Mapping
from typing import Protocol

import optuna

from search.errors import SettingsError
from search.samplers import quasi_random, random, tpe
from search.samplers.startup import STARTUP_TRIALS
from search.spaces import Space

__all__ = ["SAMPLERS", "STARTUP_TRIALS", "Sampler", "find_sampler"]


class Sampler(Protocol):
    """Proposes a trial's parameters, all at once.

    A function of its arguments alone: no state between calls, no global random state, and the
    study is not changed.
    """

    def __call__(
        self, study: optuna.Study, space: Space, number: int, seed: int
    ) -> dict[str, float]:
        """Propose parameters.

        Args:
            study: The study in memory: finished trials are learnt from, running ones kept away
                from. It may or may not hold the trial itself.
            space: The search space; every trial of the study has all its parameters.
            number: Number the trial has or will have.
            seed: Seed of the study.

        Returns:
            A value for every parameter of the space.
        """
        ...


SAMPLERS: Mapping[str, Sampler] = {
    "tpe": tpe.propose,
    "random": random.propose,
    "quasi-random": quasi_random.propose,
}


def find_sampler(name: str) -> Sampler:
    """The named sampler.

    Raises:
        SettingsError: If there is no such sampler.
    """
    if name not in SAMPLERS:
        raise SettingsError(f"unknown sampler {name!r}: choose one of {', '.join(SAMPLERS)}")
    return SAMPLERS[name]
