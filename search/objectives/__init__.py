"""Objectives: what a search maximises, by name.

A new objective is one file and one line in the table.
"""

from collections.abc import Mapping
from typing import Any

from search.errors import SettingsError
from search.objectives.label_free import LABEL_FREE
from search.objectives.miou import MIOU
from search.objectives.miou_accuracy import MIOU_ACCURACY
from search.objectives.objective import Counted, Objective

__all__ = [
    "DEFAULT_OBJECTIVE",
    "OBJECTIVES",
    "Counted",
    "Objective",
    "find_objective",
    "objective_name",
    "objective_title",
    "study_objective",
]

#: Every objective by name.
OBJECTIVES: Mapping[str, Objective] = {
    objective.name: objective
    for objective in (
        MIOU_ACCURACY,
        MIOU,
        LABEL_FREE,
    )
}

#: Also used by studies that were created before the setting existed.
DEFAULT_OBJECTIVE = MIOU_ACCURACY.name


def find_objective(name: str) -> Objective:
    """The named objective.

    Raises:
        SettingsError: If no objective has the name.
    """
    if name not in OBJECTIVES:
        raise SettingsError(f"unknown objective {name!r}: choose one of {', '.join(OBJECTIVES)}")
    return OBJECTIVES[name]


def objective_name(stored: Mapping[str, Any]) -> str:
    """Name of a study's objective, from its stored configuration."""
    name: str = stored.get("search", {}).get("objective", DEFAULT_OBJECTIVE)
    return name


def objective_title(stored: Mapping[str, Any]) -> str:
    """Label and unit of a study's objective; its name if this version does not know it."""
    name = objective_name(stored)
    return OBJECTIVES[name].title if name in OBJECTIVES else name


def study_objective(stored: Mapping[str, Any]) -> Objective:
    """The objective of a study, from its stored configuration.

    Raises:
        SettingsError: If this version does not know it.
    """
    return find_objective(objective_name(stored))
