"""Search where runs do not collapse: more trials of the same kind mostly collapse as well."""

from search.reporting.advice.situation import Situation
from search.reporting.advice.step import Step
from search.reporting.health.collapsed import COLLAPSED

__all__ = ["collapsed"]


def collapsed(situation: Situation) -> Step | None:
    """Search elsewhere if most runs collapsed."""
    found = COLLAPSED.examine(situation.details)
    if found.level != "FAIL":
        return None
    return Step(name="collapsed", comes_first=True, command=found.fix, line=found.line)
