"""The audit of a pruner: would it have stopped the best of the trials that it had to spare?

Immune trials run to their end whatever the pruner thinks of them, so each has both a verdict and
an end to compare with. Trials that the pruner could have stopped show nothing: those that are
left are those that it liked.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["BEST_SHARE", "CONFIDENCE", "Audit", "NotAudited", "audit", "upper_bound"]

#: Stopping a run is a loss if it ended in this share of the best immune full runs.
BEST_SHARE = 0.2
#: Of the upper bound of the share of losses, one-sided.
CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class NotAudited:
    """There is nothing to audit."""

    #: Why, in a phrase.
    reason: str
    #: Whether pruning can lose nothing, so that nobody misses an audit.
    nothing_to_lose: bool = False


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What the pruner would have lost among the immune full runs."""

    #: Name of the pruner.
    pruner: str
    #: Immune full runs on which it would have decided.
    runs: int
    #: Immune full runs on which it could not, because too few full runs had ended.
    unjudged: int
    #: Numbers of the runs that it would have stopped.
    stopped: tuple[int, ...]
    #: Those of them that ended in the best fifth of all immune full runs.
    lost: tuple[int, ...]
    #: How much lower the best value of the study would be without the stopped runs.
    cost: float

    @property
    def bound(self) -> float:
        """The share of losses is at most this, from 0 to 1, with :data:`CONFIDENCE`."""
        return upper_bound(len(self.lost), self.runs)


def audit(
    pruner: str,
    values: Mapping[int, float],
    *,
    immune: Sequence[int],
    judged: Sequence[int],
    stopped: Sequence[int],
) -> Audit | NotAudited:
    """Compare the pruner's verdicts with how the runs ended.

    Args:
        pruner: Its name.
        values: The value of each full run by its number.
        immune: Numbers of the immune full runs.
        judged: Those of them on which the pruner would have decided.
        stopped: Those of them that it would have stopped.
    """
    if not judged:
        return NotAudited(reason="too few full runs: the pruner would not have decided on any yet")
    ranked = sorted((values[number] for number in immune), reverse=True)
    threshold = ranked[math.ceil(BEST_SHARE * len(ranked)) - 1]
    kept = max(value for number, value in values.items() if number not in stopped)
    return Audit(
        pruner=pruner,
        runs=len(judged),
        unjudged=len(immune) - len(judged),
        stopped=tuple(sorted(stopped)),
        lost=tuple(sorted(number for number in stopped if values[number] >= threshold)),
        cost=max(values.values()) - kept,
    )


def upper_bound(events: int, trials: int) -> float:
    """The exact one-sided upper bound of a share (Clopper and Pearson 1934).

    It is the share at which so few events have the probability ``1 - CONFIDENCE``. Without
    events it is ``1 - (1 - CONFIDENCE) ** (1 / trials)``.

    Args:
        events: How often it happened, from 0 to ``trials``.
        trials: How often it could have happened, at least 1.
    """
    import scipy  # lazily: readers that audit nothing do without

    if events >= trials:
        return 1.0
    return float(scipy.special.bdtri(events, trials, 1 - CONFIDENCE))
