"""Look at the failures first: trials that fail teach nothing."""

from search.reporting.advice.situation import Situation
from search.reporting.advice.step import Step
from search.reporting.health.lost_attempts import MANY

__all__ = ["failures"]


def failures(situation: Situation) -> Step | None:
    """Show the tracebacks if many trials failed."""
    counts = situation.view.counts
    ended = counts.finished + counts.failed
    if counts.failed <= MANY * max(1, ended):
        return None
    return Step(
        name="failures",
        comes_first=True,
        command=situation.view.command("status", "--failures"),
        line=f"look at the failures: {counts.failed} of {ended} trials failed",
    )
