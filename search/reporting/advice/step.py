"""The interface of advice: it looks at a study and suggests one command, with its number."""

from collections.abc import Callable
from dataclasses import dataclass

from search.quality.gains import Gain
from search.reporting.advice.situation import Situation

__all__ = ["Advice", "Step"]


@dataclass(frozen=True, kw_only=True)
class Step:
    """A command to run next."""

    #: What it does, in one word; never changes, since scripts read it.
    name: str
    #: Quoted for a shell.
    command: str
    #: Why, with the number that the study yields.
    line: str
    #: Whether it comes before all others, whatever those should gain.
    comes_first: bool = False
    #: What it should add to the objective; None if that is not known.
    gain: Gain | None = None
    #: Hours that it takes on the same seats; None if that is not known.
    hours: float | None = None

    @property
    def rate(self) -> float | None:
        """Expected gain per hour; None if it is not known."""
        if self.gain is None or self.hours is None:
            return None
        return self.gain.mean / self.hours if self.hours > 0 else 0.0

    @property
    def rate_text(self) -> str:
        """Such as ``, 1.2 per hour``; empty if it is not known."""
        if self.rate is None:
            return ""
        return f", {self.rate:.0f} per hour" if self.rate >= 10 else f", {self.rate:.2g} per hour"


#: Suggests a step, or none.
Advice = Callable[[Situation], Step | None]
