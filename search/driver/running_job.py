"""A running job: its attempts, and what is known of its run so far."""

from dataclasses import dataclass, field

from search.checkpoints.folders import CheckpointStore
from search.records.jobs import Job
from search.records.messages import Task
from search.records.stored_checkpoint import StoredCheckpoint
from trainer.records import Report

__all__ = ["RunningJob"]

#: Why attempts end that are the job's own fault, over its whole life.
ERRORS = ("error", "memory")
STORED = 2  # checkpoints of a job that the artifact store keeps: one may be damaged


@dataclass(kw_only=True)
class RunningJob:
    """A job that is waiting for a worker or on one."""

    #: Its key.
    job: Job
    #: Values by name: of the method's knobs and of searched settings.
    hyper: dict[str, float]
    #: Attempts so far: number, lease epoch, why it began.
    history: list[tuple[int, int, str]]
    #: Folders with checkpoints of another job that this one reads.
    sources: tuple[str, ...] = ()
    #: Reports of the run, in order, as told to this driver.
    reports: list[Report] = field(default_factory=list)
    #: Evaluations known when the present attempt began.
    known_at_start: int = 0
    #: Attempts one after the other that ended without an evaluation, by why they ended.
    fruitless: dict[str, int] = field(default_factory=dict)
    #: Its checkpoints in the artifact store, the newest first.
    stored: tuple[StoredCheckpoint, ...] = ()
    #: Whether somebody else has ended it: nothing more is stored of it.
    over: bool = False

    @property
    def number(self) -> int:
        """Number of the trial that the job is about."""
        return self.job.trial

    @property
    def attempt(self) -> int:
        """Number of the present attempt, from 1."""
        return self.history[-1][0]

    @property
    def errors(self) -> int:
        """Attempts that ended in an error, over the whole life of the job."""
        return sum(why in ERRORS for _, _, why in self.history)

    def begin_again(self, *, epoch: int, why: str) -> None:
        """Start a further attempt; its run tells all its reports again."""
        last = self.history[-1][0] if self.history else 0
        self.history.append((last + 1, epoch, why))
        self.known_at_start = len(self.reports)

    def take(self, report: Report) -> bool:
        """Take a report in.

        Returns:
            Whether it is new to this driver; evaluations come in order, so that a number
            already reached is one told again after a checkpoint was taken up.
        """
        if report.evaluation <= len(self.reports):
            return False
        assert report.evaluation == len(self.reports) + 1, "an evaluation was skipped"
        self.reports.append(report)
        return True

    def take_checkpoint(self, checkpoint: StoredCheckpoint) -> None:
        """Take note of a new checkpoint in the artifact store; the oldest one makes room."""
        self.stored = (checkpoint, *self.stored)[:STORED]

    def count_fruitless(self, why: str) -> int:
        """Count an end that is not the job's fault unless it comes again and again.

        Returns:
            How often in a row; counted anew where the attempt came further than the last.
        """
        if len(self.reports) > self.known_at_start:
            self.fruitless.clear()
        self.fruitless[why] = self.fruitless.get(why, 0) + 1
        return self.fruitless[why]

    def task(self, checkpoints: CheckpointStore, seed: int) -> Task:
        """The present attempt as a worker takes it."""
        *earlier, (attempt, epoch, _) = self.history
        own = (
            str(checkpoints.attempt_folder(self.job, number, at_epoch))
            for number, at_epoch, _ in earlier
        )
        return Task(
            job=self.job,
            attempt=attempt,
            hyper=self.hyper,
            seed=seed,
            folder=str(checkpoints.attempt_folder(self.job, attempt, epoch)),
            earlier=(*self.sources, *own),
            stored=self.stored,
        )
