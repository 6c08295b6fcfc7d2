"""The snapshot of a running search that the progress view shows, as one frozen record."""

from collections.abc import Sequence
from dataclasses import dataclass

from search.records.counts import Counts
from trainer.console.durations import about_text, duration_text

__all__ = ["ProcessLine", "Snapshot", "WorkerLine"]


@dataclass(frozen=True, kw_only=True)
class WorkerLine:
    """The state of one worker."""

    name: str
    #: Number of the trial that it trains; None while it is idle.
    trial: int | None = None
    #: Iterations completed so far.
    iteration: int = 0
    #: Iterations of a full run.
    iterations: int = 0
    #: Evaluations completed so far.
    evaluation: int = 0
    #: Score of the last evaluation; None before the first.
    score: float | None = None


@dataclass(frozen=True, kw_only=True)
class ProcessLine:
    """A worker with several slots, in one line."""

    name: str
    #: Its slots, and those of them that train a trial.
    slots: int
    busy: int
    #: Iterations trained so far, the mean of those trials, and those of a full run.
    iteration: int
    iterations: int
    #: The best of their last scores, in percent; None before the first.
    score: float | None

    @classmethod
    def of(cls, name: str, seats: Sequence[WorkerLine]) -> "ProcessLine":
        """The line of the worker that has these seats."""
        busy = [seat for seat in seats if seat.trial is not None]
        return cls(
            name=name,
            slots=len(seats),
            busy=len(busy),
            iteration=sum(seat.iteration for seat in busy) // max(1, len(busy)),
            iterations=seats[0].iterations,
            score=max((seat.score for seat in busy if seat.score is not None), default=None),
        )


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The state of a search at one moment."""

    study: str
    #: The database's address, without a password.
    storage: str
    #: Trials to finish.
    target: int
    counts: Counts
    #: Number and value of the best trial; None before the first complete one.
    best: tuple[int, float] | None
    workers: tuple[WorkerLine, ...]
    #: Seconds since this process began to drive the search.
    elapsed: float
    #: Estimated seconds until the target is reached; None before this process finished a trial.
    left: float | None
    #: An outage or a request to stop, such as "database unreachable for 12 s, waiting"; or empty.
    state: str = ""
    #: Label of the objective, with its unit; empty if unknown.
    objective: str = ""

    def lines(self, most: int) -> Sequence[WorkerLine | ProcessLine]:
        """One line per seat, or one per worker if there are more seats than ``most``."""
        if len(self.workers) <= most:
            return self.workers
        seats: dict[str, list[WorkerLine]] = {}
        for line in self.workers:
            seats.setdefault(line.name.partition("/")[0], []).append(line)
        return [
            lines[0] if len(lines) == 1 else ProcessLine.of(name, lines)
            for name, lines in seats.items()
        ]

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
