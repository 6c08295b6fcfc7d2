"""The best evaluation of a run beside its last ones: it may be luck, or the run got worse."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from search.objectives.objective import LAST_EVALUATIONS

__all__ = ["DEVIATIONS", "LEAST_GAIN", "BestLook", "best_look"]

#: Deviations between the best evaluation and the median of the last ones. The best of ten noisy
#: evaluations is one and a half above the median by chance alone.
DEVIATIONS = 3.0
#: Relative; smaller differences are not worth a warning.
LEAST_GAIN = 0.02


@dataclass(frozen=True, kw_only=True)
class BestLook:
    """The best evaluation of a run, and what it is compared with."""

    best: float
    #: Median of the last evaluations.
    typical: float
    #: Typical deviation of the last scores of a run.
    spread: float

    @property
    def is_far(self) -> bool:
        """Whether it is further above the last ones than noise explains."""
        least = max(DEVIATIONS * self.spread, LEAST_GAIN * abs(self.typical))
        return self.best - self.typical > least

    def text(self, trial: int) -> str:
        """Both numbers, in one phrase."""
        return (
            f"the best evaluation of trial {trial} is {self.best:.2f}, the median of its last"
            f" {LAST_EVALUATIONS} is {self.typical:.2f} (typical deviation {self.spread:.2f})"
        )


def best_look(scores: Mapping[int, float], spread: float | None) -> BestLook | None:
    """Compare a run's best evaluation with its last ones.

    Args:
        scores: The scores by evaluation.
        spread: Typical deviation of the last scores of a run; None if it is not known.

    Returns:
        None without a deviation, or for a run that has no other evaluations than the last ones.
    """
    if spread is None or len(scores) <= LAST_EVALUATIONS:
        return None
    last = [scores[evaluation] for evaluation in sorted(scores)[-LAST_EVALUATIONS:]]
    return BestLook(best=max(scores.values()), typical=statistics.median(last), spread=spread)
