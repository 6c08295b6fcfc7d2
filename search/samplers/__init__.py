"""Samplers by name. A new one is one file and one line in the table.

``hub:NAME`` is the sampler package NAME of OptunaHub (``hub.py``).
"""

from collections.abc import Mapping
from typing import Protocol

import optuna

from search.errors import SettingsError
from search.samplers import gp, hub, random, sobol, tpe, tpe_univariate
from search.samplers.startup import STARTUP_TRIALS, preload
from search.spaces import Space

__all__ = [
    "FORMER_SAMPLERS",
    "SAMPLERS",
    "STARTUP_TRIALS",
    "Sampler",
    "find_sampler",
    "load_sampler",
    "preload",
]


class Sampler(Protocol):
    """Proposes all parameters of a trial at once.

    The result depends only on the arguments: there is no state between calls and no global random
    state. The study is not modified.
    """

    def __call__(
        self, study: optuna.Study, space: Space, number: int, seed: int
    ) -> dict[str, float]:
        """Propose parameters.

        Args:
            study: The in-memory study. A sampler may learn from finished trials and avoid the
                parameters of running ones. It may or may not contain the trial itself.
            space: The search space; every trial of the study has all its parameters.
            number: Number of the trial.
            seed: Seed of the study.

        Returns:
            A value for every parameter of the space.
        """
        ...


SAMPLERS: Mapping[str, Sampler] = {
    "tpe": tpe.propose,
    "tpe-univariate": tpe_univariate.propose,
    "gp": gp.propose,
    "random": random.propose,
    "sobol": sobol.propose,
}

#: Names that samplers had in earlier versions, to their present names.
FORMER_SAMPLERS: Mapping[str, str] = {"quasi-random": "sobol"}


def find_sampler(name: str) -> Sampler:
    """The named sampler; nothing is loaded for one of OptunaHub before it proposes.

    Raises:
        SettingsError: If no sampler has the name.
    """
    if name.startswith(hub.PREFIX):
        return hub.hub_sampler(name)
    if name not in SAMPLERS:
        raise SettingsError(
            f"unknown sampler {name!r}: choose one of {', '.join(SAMPLERS)}, or hub:NAME for one"
            " of OptunaHub"
        )
    return SAMPLERS[name]


def load_sampler(name: str) -> None:
    """Make sure that the named sampler can propose, before any work is spent.

    Raises:
        SettingsError: If it cannot: it is not installed, or not to be had without network.
    """
    if name.startswith(hub.PREFIX):
        hub.load(name)
