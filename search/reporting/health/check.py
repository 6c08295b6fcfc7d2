"""The interface of a health check: it looks at a stored study and answers in one line."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from search.reporting.study_details import StudyDetails

__all__ = ["Finding", "HealthCheck", "Level", "failed", "passed", "warned"]

#: ``WARN``: look at it before you rely on the result; ``FAIL``: do not rely on it.
Level = Literal["PASS", "WARN", "FAIL"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The answer of a health check."""

    level: Level
    #: What was found, with its figures.
    line: str
    #: The command that fixes it; empty if there is nothing to fix.
    fix: str = ""


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """A question about a study that has an answer at any time."""

    #: Its name in JSON; never changes.
    name: str
    #: What it asks, in a few words.
    title: str
    examine: Callable[[StudyDetails], Finding]


def passed(line: str) -> Finding:
    """Nothing to do."""
    return Finding(level="PASS", line=line)


def warned(line: str, fix: str) -> Finding:
    """Look at it before you rely on the result."""
    return Finding(level="WARN", line=line, fix=fix)


def failed(line: str, fix: str) -> Finding:
    """Do not rely on the result."""
    return Finding(level="FAIL", line=line, fix=fix)
