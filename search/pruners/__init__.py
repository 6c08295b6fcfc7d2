"""Rules that stop trials: collapse rules (always on) and one competitive pruner by name.

A new pruner is one file and one line in the table.
"""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from search.errors import SettingsError
from search.pruners.auto import AutoPruner
from search.pruners.collapse import CollapseRules
from search.pruners.competitive import CompetitivePruner
from search.pruners.halving import HalvingPruner, HyperbandPruner
from search.pruners.percentile import MedianPruner, PercentilePruner
from search.pruners.pruner import KeepAll, Pruner, SparingPruner
from trainer.config.toml_records import build_record

__all__ = [
    "PRUNERS",
    "AutoPruner",
    "CollapseRules",
    "Pruner",
    "SparingPruner",
    "build_pruner",
    "options_of",
]

#: Name in ``search.pruner`` to pruner.
PRUNERS: Mapping[str, type[Pruner]] = {
    "competitive": CompetitivePruner,
    "auto": AutoPruner,
    "median": MedianPruner,
    "percentile": PercentilePruner,
    "sha": HalvingPruner,
    "hyperband": HyperbandPruner,
    "none": KeepAll,
}


def build_pruner(
    name: str, evaluations: int, options: Mapping[str, Any] = MappingProxyType({})
) -> Pruner:
    """Build the named pruner.

    Args:
        name: A name of the table.
        evaluations: Evaluations E of a full run.
        options: Settings of the pruner by name; one left out has its default.

    Raises:
        SettingsError: If there is no such pruner, or an option has a wrong value.
        ConfigError: If the pruner has no such option, or its value has a wrong type.
    """
    if name not in PRUNERS:
        raise SettingsError(f"unknown pruner {name!r}: choose one of {', '.join(PRUNERS)}")
    if unknown := options.keys() - options_of(PRUNERS[name]):
        raise SettingsError(
            f"search.pruner_options.{min(unknown)} is not an option of the pruner {name}:"
            f" {_known(name)}"
        )
    given = {"evaluations": evaluations, **options}
    return build_record(PRUNERS[name], given, "search.pruner_options")


def options_of(pruner: type[Any]) -> set[str]:
    """Names of a pruner's settings."""
    return {field.name for field in dataclasses.fields(pruner)} - {"evaluations"}


def _known(name: str) -> str:
    known = sorted(options_of(PRUNERS[name]))
    return f"it has {', '.join(known)}" if known else "it has none, leave the table out"
