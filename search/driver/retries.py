"""What becomes of a job whose attempt broke off: another attempt, or its end.

An error and a lack of memory are the job's own, and counted over its whole life. A worker
that was lost or stood still says little about the job: only attempts that end so one after
the other, with no evaluation between them, are held against it. A cluster that went says
nothing at all.
"""

from dataclasses import dataclass

from search.driver.running_job import RunningJob
from search.records.messages import Crashed, Lost, OutOfMemory
from search.records.outcome import Failed

__all__ = ["Retries", "Retry", "Stalled"]

MAX_LOSSES_IN_A_ROW = 5  # a job that loses more workers without an evaluation is at fault


@dataclass(frozen=True, kw_only=True)
class Stalled:
    """The worker showed no progress for too long, and was taken back."""

    #: Seconds without an evaluation or an iteration.
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Retry:
    """The job gets another attempt."""

    #: Why, as it is stored with the attempt.
    why: str
    #: What is told of it; None where nothing has to be.
    line: str | None


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How often an attempt is followed by another one."""

    #: Errors of one job that are tried again, over its life.
    most: int

    def after(
        self, live: RunningJob, worker: str, event: Crashed | OutOfMemory | Lost | Stalled
    ) -> Retry | Failed:
        """Decide; what is not the job's fault is counted here."""
        match event:
            case Crashed(reason=reason, traceback=traceback):
                told = f"{live.job.title} broke: {reason}"
                return self._error(live, "error", told, Failed(reason=reason, traceback=traceback))
            case OutOfMemory(reason=reason, traceback=traceback):
                told = f"{live.job.title} ran out of memory ({reason}) and gets a fresh process"
                end = Failed(reason=f"out of memory: {reason}", traceback=traceback)
                return self._error(live, "memory", told, end)
            case Lost(with_cluster=True):
                return Retry(why="lost", line=None)
            case Lost(reason=reason):
                return self._loss(live, worker, reason)
            case Stalled(seconds=seconds):
                return self._stall(live, worker, seconds)

    def _error(self, live: RunningJob, why: str, told: str, end: Failed) -> Retry | Failed:
        if live.errors >= self.most:
            return end
        return Retry(why=why, line=f"{told}; try {live.errors + 2} of {self.most + 1}")

    def _loss(self, live: RunningJob, worker: str, reason: str) -> Retry | Failed:
        if live.count_fruitless("lost") > MAX_LOSSES_IN_A_ROW:
            end = Failed(reason=f"{worker} was lost: {reason}", traceback="")
            return self._error(live, "error", f"{live.job.title} lost its worker again", end)
        line = f"{worker} was lost ({reason}); {live.job.title} goes on elsewhere"
        return Retry(why="lost", line=line)

    def _stall(self, live: RunningJob, worker: str, seconds: float) -> Retry | Failed:
        stalls = live.count_fruitless("stalled")
        if stalls > self.most:
            reason = f"stood still for {seconds:.0f} s, {stalls} times in a row"
            return Failed(reason=reason, traceback="")
        line = (
            f"{worker} showed no progress for {seconds:.0f} s and was taken back;"
            f" {live.job.title} goes on elsewhere, try {stalls + 1} of {self.most + 1}"
        )
        return Retry(why="stalled", line=line)
