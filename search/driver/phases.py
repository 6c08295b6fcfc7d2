"""The phases of a search: each has jobs of one kind and decides what happens to their reports.

The driver gives the jobs of the current phase to workers, and handles crashes and lost workers in
the same way for all phases.
"""

from dataclasses import dataclass
from typing import Protocol

from search.checkpoints.folders import CheckpointStore
from search.driver.retention import CheckpointRetention
from search.driver.running_job import RunningJob
from search.driver.trial_queue import TrialQueue
from search.driver.write_queue import WriteQueue
from search.driver.writes import Write
from search.progress.progress import Progress
from search.records.messages import Reported
from search.records.outcome import Failed
from trainer.console.shell import Command

__all__ = ["Phase", "PhaseContext"]


@dataclass(frozen=True, kw_only=True)
class PhaseContext:
    """What every phase of a driver works with."""

    #: Where jobs wait for workers.
    trial_queue: TrialQueue
    #: Stores what the phase decides.
    write_queue: WriteQueue
    #: The checkpoint folders of all attempts.
    checkpoints: CheckpointStore
    #: Deletes checkpoints that are no longer needed.
    retention: CheckpointRetention
    #: The lease's epoch.
    epoch: int
    #: Shows events.
    progress: Progress
    #: The command that continues what the driver does, if it stops.
    again: Command


class Phase(Protocol):
    """One phase of a search; it begins after the previous one is finished and stored."""

    @property
    def is_last_evaluation(self) -> bool:
        """Whether the phase consists only of the last evaluation of the study.

        If so, a request to stop lets it run, since the study is finished after it. Otherwise no
        new job begins after such a request.
        """

    def begin(self) -> None:
        """Continue what an earlier driver left unfinished, and queue the first jobs."""

    def draw(self) -> None:
        """Queue every job that is now due."""

    def finished(self) -> bool:
        """Whether no further job will begin; jobs may still run or wait to be stored."""

    def seed(self, running: RunningJob) -> int:
        """Seed of the job's training run."""

    def receive(self, running: RunningJob, reported: Reported) -> bool:
        """Process what a worker reported about a job.

        Returns:
            Whether the job has ended; if not, its worker trains to the next evaluation, or draws
            the pictures of a trial that is decided.
        """

    def fail(self, running: RunningJob, failed: Failed) -> None:
        """End the job as failed, because its retries are used up."""

    def stored(self, write: Write) -> None:
        """React to a write of this phase that has been stored."""

    def check(self) -> None:
        """Stop the search if too many jobs failed.

        Raises:
            FailureBudget: If too many did.
        """

    def begin_again(self, running: RunningJob, *, why: str) -> None:
        """Start another attempt at the job."""
