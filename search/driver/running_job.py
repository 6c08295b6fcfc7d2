"""A running job: its attempts, and the reports and checkpoints of its run so far."""

from dataclasses import dataclass, field

from search.checkpoints.folders import CheckpointStore
from search.records.jobs import Job
from search.records.messages import Task
from search.records.stored_checkpoint import StoredCheckpoint
from trainer.records import Report

__all__ = ["RunningJob"]

#: Reasons for another attempt that are the job's own fault.
ERRORS = ("error", "memory")
STORED = 2  # checkpoints per job that the artifact store keeps: one may be damaged


@dataclass(kw_only=True)
class RunningJob:
    """A job that waits for a worker or is running on one."""

    #: Its key.
    job: Job
    #: Values of the hyper-parameters and of searched settings, by name.
    params: dict[str, float]
    #: Attempts so far: number, lease epoch, reason for the attempt.
    history: list[tuple[int, int, str]]
    #: Folders with checkpoints of another job that this one reads.
    sources: tuple[str, ...] = ()
    #: Reports of the run that this driver received, in order.
    reports: list[Report] = field(default_factory=list)
    #: Number of reports when the current attempt began.
    known_at_start: int = 0
    #: Consecutive attempts that ended without an evaluation, by the reason why they ended.
    fruitless: dict[str, int] = field(default_factory=dict)
    #: Its checkpoints in the artifact store, newest first.
    stored: tuple[StoredCheckpoint, ...] = ()
    #: Whether somebody else has ended it: nothing more is stored for it.
    over: bool = False

    @property
    def number(self) -> int:
        """Number of the trial that the job is about."""
        return self.job.trial

    @property
    def attempt(self) -> int:
        """Number of the current attempt, from 1."""
        return self.history[-1][0]

    @property
    def errors(self) -> int:
        """Number of attempts that ended in an error, over the whole life of the job."""
        return sum(why in ERRORS for _, _, why in self.history)

    def begin_again(self, *, epoch: int, why: str) -> None:
        """Start another attempt; its run sends all its reports again."""
        last = self.history[-1][0] if self.history else 0
        self.history.append((last + 1, epoch, why))
        self.known_at_start = len(self.reports)

    def take(self, report: Report) -> bool:
        """Add a report unless this driver already has it.

        Returns:
            Whether it is new. Evaluations arrive in order, so a number that was already reached
            is a repetition by a run that resumed from a checkpoint.
        """
        if report.evaluation <= len(self.reports):
            return False
        assert report.evaluation == len(self.reports) + 1, "an evaluation was skipped"
        self.reports.append(report)
        return True

    def take_checkpoint(self, checkpoint: StoredCheckpoint) -> None:
        """Add a new checkpoint in the artifact store, and drop the oldest of more than two."""
        self.stored = (checkpoint, *self.stored)[:STORED]

    def count_fruitless(self, why: str) -> int:
        """Count an attempt that ended for a reason outside the job.

        Returns:
            How many attempts in a row ended for this reason. The count restarts if this attempt
            reached a new evaluation.
        """
        if len(self.reports) > self.known_at_start:
            self.fruitless.clear()
        self.fruitless[why] = self.fruitless.get(why, 0) + 1
        return self.fruitless[why]

    def task(self, checkpoints: CheckpointStore, seed: int) -> Task:
        """The current attempt, in the form that a worker receives."""
        *earlier, (attempt, epoch, _) = self.history
        own = (
            str(checkpoints.attempt_folder(self.job, number, at_epoch))
            for number, at_epoch, _ in earlier
        )
        return Task(
            job=self.job,
            attempt=attempt,
            params=self.params,
            seed=seed,
            folder=str(checkpoints.attempt_folder(self.job, attempt, epoch)),
            earlier=(*self.sources, *own),
            stored=self.stored,
        )
