"""What is shown of a running search: one frozen record for the whole of it."""

from dataclasses import dataclass

from search.records.counts import Counts
from trainer.console.durations import about_text, duration_text

__all__ = ["Snapshot", "WorkerLine"]


@dataclass(frozen=True, kw_only=True)
class WorkerLine:
    """What one worker does."""

    name: str
    #: Trial it trains; None while it has none.
    trial: int | None = None
    #: True iterations trained so far, and those of a full run.
    iteration: int = 0
    iterations: int = 0
    #: Evaluations made so far.
    evaluation: int = 0
    #: Score of the last one, in percent; None before the first.
    score: float | None = None


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """How a search stands at one moment."""

    study: str
    #: Where it is stored; never with a password.
    storage: str
    #: Trials that the search ends with.
    target: int
    counts: Counts
    #: Number and value of the best trial; None before the first complete one.
    best: tuple[int, float] | None
    workers: tuple[WorkerLine, ...]
    #: Seconds since this process took the search up.
    elapsed: float
    #: Seconds until the target is reached, estimated; None while there is nothing to go by.
    left: float | None
    #: What is out of the ordinary, such as "database away for 12 s, waiting"; or empty.
    state: str = ""
    #: Label of what is maximised, with its unit; empty where it is not known.
    objective: str = ""

    def progress_text(self) -> str:
        """``37 of 200 trials``."""
        return f"{self.counts.finished} of {self.target} trials"

    def best_text(self) -> str:
        """``best 34.21 (trial 13)``."""
        if self.best is None:
            return "no complete trial yet"
        number, value = self.best
        return f"best {value:.2f} (trial {number})"

    def time_text(self) -> str:
        """``12 min 04 s, about 41 min left``."""
        past = duration_text(self.elapsed)
        return past if self.left is None else f"{past}, about {about_text(self.left)} left"
