"""Retries: whether a job whose attempt was interrupted gets another attempt or fails.

Errors and a lack of memory are the job's own fault and are counted over its whole life. A lost or
stalled worker says little about the job, so only consecutive such attempts, without an evaluation
between them, count against it. The loss of the whole cluster, or of a process that several jobs
shared, does not count at all.
"""

from dataclasses import dataclass

from search.driver.running_job import RunningJob
from search.records.messages import Crashed, Lost, OutOfMemory
from search.records.outcome import Failed

__all__ = ["Retries", "Retry", "Stalled"]

MAX_LOSSES_IN_A_ROW = 5  # a job that loses more workers without an evaluation must be the cause


@dataclass(frozen=True, kw_only=True)
class Stalled:
    """The worker made no progress for too long and was restarted."""

    #: Seconds without an evaluation or an iteration.
    seconds: float

    @property
    def reason(self) -> str:
        """The same in words."""
        return f"made no progress for {self.seconds:.0f} s"


@dataclass(frozen=True, kw_only=True)
class Retry:
    """The job gets another attempt."""

    #: Why, as stored with the attempt.
    why: str
    #: The line to show; None for none.
    line: str | None


@dataclass(frozen=True, kw_only=True)
class Retries:
    """Decides how often an attempt is followed by another one."""

    #: How many errors of one job are retried, over its whole life.
    most: int

    def after(
        self, running: RunningJob, worker: str, event: Crashed | OutOfMemory | Lost | Stalled
    ) -> Retry | Failed:
        """Decide, and count an interruption that is not the job's own error."""
        match event:
            case Crashed(reason=reason, traceback=traceback):
                message = f"{running.job.title} broke: {reason}"
                return self._error(
                    running, "error", message, Failed(reason=reason, traceback=traceback)
                )
            case OutOfMemory(reason=reason, traceback=traceback):
                message = (
                    f"{running.job.title} ran out of memory ({reason}) and gets a fresh process"
                )
                end = Failed(reason=f"out of memory: {reason}", traceback=traceback)
                return self._error(running, "memory", message, end)
            case Lost(with_cluster=True):
                return Retry(why="lost", line=None)
            case Lost(reason=reason, shared=True):
                return Retry(why="lost", line=_loss_line(running, worker, reason))
            case Lost(reason=reason):
                return self._loss(running, worker, reason)
            case Stalled() as stalled:
                return self._stall(running, worker, stalled)

    def _error(self, running: RunningJob, why: str, message: str, end: Failed) -> Retry | Failed:
        if running.errors >= self.most:
            return end
        return Retry(why=why, line=f"{message}; try {running.errors + 2} of {self.most + 1}")

    def _loss(self, running: RunningJob, worker: str, reason: str) -> Retry | Failed:
        if running.count_fruitless("lost") > MAX_LOSSES_IN_A_ROW:
            end = Failed(reason=f"{worker} was lost: {reason}", traceback="")
            return self._error(running, "error", f"{running.job.title} lost its worker again", end)
        return Retry(why="lost", line=_loss_line(running, worker, reason))

    def _stall(self, running: RunningJob, worker: str, stalled: Stalled) -> Retry | Failed:
        stalls = running.count_fruitless("stalled")
        if stalls > self.most:
            reason = f"{stalled.reason}, {stalls} times in a row"
            return Failed(reason=reason, traceback="")
        line = (
            f"{worker} {stalled.reason} and was restarted;"
            f" {running.job.title} continues on the next free worker,"
            f" try {stalls + 1} of {self.most + 1}"
        )
        return Retry(why="stalled", line=line)


def _loss_line(running: RunningJob, worker: str, reason: str) -> str:
    return f"{worker} was lost ({reason}); {running.job.title} continues on the next free worker"
