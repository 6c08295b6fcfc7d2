"""Health checks of a study: what to know before relying on its best trial.

A new check is one file and one line in the table. A check reads the stored study alone, answers
for any study, even an empty one, and names the command that fixes what it found.
"""

from typing import Any

from search.reporting.health.bounds import BOUNDS
from search.reporting.health.check import Finding, HealthCheck, Level
from search.reporting.health.claim import CLAIM
from search.reporting.health.collapsed import COLLAPSED
from search.reporting.health.data import DATA
from search.reporting.health.defaults import DEFAULTS
from search.reporting.health.few_runs import FEW_RUNS
from search.reporting.health.frozen import FROZEN
from search.reporting.health.idle import IDLE
from search.reporting.health.improving import IMPROVING
from search.reporting.health.kept_apart import TEST_SPLIT
from search.reporting.health.lost_attempts import LOST_ATTEMPTS
from search.reporting.health.lucky import LUCKY
from search.reporting.health.margin import MARGIN
from search.reporting.health.others import OTHERS
from search.reporting.health.pruning import PRUNING
from search.reporting.health.running import RUNNING
from search.reporting.health.seeds import SEEDS
from search.reporting.study_details import StudyDetails

__all__ = ["CHECKS", "Finding", "HealthCheck", "Level", "examine", "health_json"]

#: Every check, in the order of the report.
CHECKS: tuple[HealthCheck, ...] = (
    RUNNING,
    FEW_RUNS,
    CLAIM,
    MARGIN,
    LUCKY,
    SEEDS,
    DEFAULTS,
    FROZEN,
    BOUNDS,
    IMPROVING,
    PRUNING,
    COLLAPSED,
    TEST_SPLIT,
    DATA,
    LOST_ATTEMPTS,
    IDLE,
    OTHERS,
)


def examine(details: StudyDetails) -> tuple[tuple[HealthCheck, Finding], ...]:
    """Every check with what it found."""
    return tuple((check, check.examine(details)) for check in CHECKS)


def health_json(found: tuple[tuple[HealthCheck, Finding], ...]) -> list[dict[str, Any]]:
    """The findings as JSON."""
    return [
        {
            "check": check.name,
            "title": check.title,
            "level": finding.level,
            "finding": finding.line,
            "fix": finding.fix,
        }
        for check, finding in found
    ]
