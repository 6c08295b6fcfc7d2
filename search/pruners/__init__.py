"""Rules that stop trials: collapse rules (always on) and one competitive pruner by name.

A new pruner is one file and one line in the table.
"""

from collections.abc import Callable, Mapping

from search.errors import SettingsError
from search.pruners.collapse import CollapseRules
from search.pruners.competitive import CompetitivePruner
from search.pruners.halving import HalvingPruner, HyperbandPruner
from search.pruners.percentile import median_pruner, percentile_pruner
from search.pruners.pruner import KeepAll, Pruner

__all__ = ["PRUNERS", "CollapseRules", "Pruner", "build_pruner"]

#: Each builds a pruner for runs of E evaluations.
PRUNERS: Mapping[str, Callable[[int], Pruner]] = {
    "competitive": lambda evaluations: CompetitivePruner(evaluations=evaluations),
    "median": median_pruner,
    "percentile": percentile_pruner,
    "sha": lambda evaluations: HalvingPruner(evaluations=evaluations),
    "hyperband": lambda evaluations: HyperbandPruner(evaluations=evaluations),
    "none": lambda evaluations: KeepAll(),
}


def build_pruner(name: str, evaluations: int) -> Pruner:
    """Build the named pruner.

    Args:
        name: A name of the table.
        evaluations: Evaluations E of a full run.

    Raises:
        SettingsError: If there is no such pruner.
    """
    if name not in PRUNERS:
        raise SettingsError(f"unknown pruner {name!r}: choose one of {', '.join(PRUNERS)}")
    return PRUNERS[name](evaluations)
