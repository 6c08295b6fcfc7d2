"""Three numbers for the result of a search: what it claims, what to expect, what was confirmed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search.quality.audit import Audit, NotAudited
from search.quality.confirmed import Confirmed
from search.quality.expected import Expected, NotExpected

__all__ = ["Assessment"]


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """How good the result of a study is, by evidence of increasing strength."""

    #: The best trial and its value, the highest of ``complete`` noisy values.
    trial: int
    claimed: float
    #: Number of complete trials.
    complete: int
    #: What a model of all trials expects of a run with a fresh seed.
    expected: Expected | NotExpected
    #: What fresh runs show; None before there are any.
    confirmed: Confirmed | None
    #: Scores of the confirmed trial on test, as stored; None before.
    test: Mapping[str, Any] | None
    #: What the pruner would have lost.
    audit: Audit | NotAudited
    #: What the numbers do not show, one line each.
    warnings: tuple[str, ...]
