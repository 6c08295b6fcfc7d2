"""Samplers by name. A new one is one file and one line in the table.

``hub:NAME`` is the sampler package NAME of OptunaHub (``hub.py``).
"""

import importlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from search.errors import SettingsError
from search.samplers.startup import STARTUP_TRIALS, preload
from search.spaces import Space

if TYPE_CHECKING:
    import optuna

__all__ = [
    "FIRST_SAMPLER",
    "FORMER_SAMPLERS",
    "HUB_PREFIX",
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
        self, study: "optuna.Study", space: Space, number: int, seed: int
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


#: The file of each sampler in this folder, by its name; the function ``propose`` there is the
#: sampler.
FILES: Mapping[str, str] = {
    "tpe": "tpe",
    "tpe-univariate": "tpe_univariate",
    "gp": "gp",
    "random": "random",
    "sobol": "sobol",
}


class _Samplers(Mapping[str, Sampler]):
    """The samplers by name. Looking one up imports it; their names alone cost nothing."""

    def __getitem__(self, name: str) -> Sampler:
        sampler: Sampler = importlib.import_module(f"{__name__}.{FILES[name]}").propose
        return sampler

    def __iter__(self) -> Iterator[str]:
        return iter(FILES)

    def __len__(self) -> int:
        return len(FILES)


SAMPLERS: Mapping[str, Sampler] = _Samplers()

#: What the names of OptunaHub's samplers begin with.
HUB_PREFIX = "hub:"
#: The sampler of studies that were created before there was a choice.
FIRST_SAMPLER = "tpe"
#: Names that samplers had in earlier versions, to their present names.
FORMER_SAMPLERS: Mapping[str, str] = {"quasi-random": "sobol"}


def find_sampler(name: str) -> Sampler:
    """The named sampler; nothing is loaded for one of OptunaHub before it proposes.

    Raises:
        SettingsError: If no sampler has the name.
    """
    if name.startswith(HUB_PREFIX):
        from search.samplers import hub  # lazily: it imports Optuna

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
        SettingsError: If it cannot: it is not installed, or cannot be downloaded.
    """
    if name.startswith(HUB_PREFIX):
        from search.samplers import hub  # lazily: as above

        hub.load(name)
