"""What the driver and its workers say to each other: frozen records and plain numbers only.

One exchange is ``worker.advance(order) → Reported``: the worker trains to its next
evaluation and tells of it; the driver decides and answers with the next order.
"""

from dataclasses import dataclass
from pathlib import Path

from search.records.jobs import Job
from search.records.stored_checkpoint import StoredCheckpoint
from trainer.records import Report, Scores

__all__ = [
    "Begin",
    "Continue",
    "Crashed",
    "Event",
    "Lost",
    "OnTest",
    "Order",
    "OutOfMemory",
    "Reported",
    "Task",
]


@dataclass(frozen=True, kw_only=True)
class Task:
    """One attempt at one job."""

    job: Job
    #: Attempt at this job, from 1.
    attempt: int
    #: Values by name: of the method's knobs and of searched settings.
    hyper: dict[str, float]
    #: Seed of the training run.
    seed: int
    #: Folder that this attempt writes its checkpoint to; no other attempt does.
    folder: str
    #: Folders of checkpoints to begin from, those of earlier attempts among them: the one with
    #: most evaluations is taken.
    earlier: tuple[str, ...] = ()
    #: Checkpoints in the artifact store to begin from, which PostgreSQL knows, the newest first.
    stored: tuple[StoredCheckpoint, ...] = ()

    @property
    def trial(self) -> int:
        """Number of the trial that the job is about."""
        return self.job.trial

    @property
    def place(self) -> str:
        """Names job and attempt, such as ``trial-00012/attempt-2-epoch-5``."""
        return "/".join(Path(self.folder).parts[-2:])


@dataclass(frozen=True, kw_only=True)
class Begin:
    """Take up the task; whatever ran before is dropped."""

    task: Task


@dataclass(frozen=True, kw_only=True)
class Continue:
    """Train on to the next evaluation."""


Order = Begin | Continue


@dataclass(frozen=True, kw_only=True)
class OnTest:
    """Scores on the test split: of a type that no rule, pruner or objective takes."""

    cluster: Scores
    linear: Scores


@dataclass(frozen=True, kw_only=True)
class Reported:
    """The worker reached an evaluation, took up a checkpoint, or scored one on test."""

    job: Job
    attempt: int
    #: All reports of a checkpoint taken up, else the one of the evaluation just made.
    reports: tuple[Report, ...]
    #: Things worth telling, such as a damaged checkpoint that was passed over.
    notes: tuple[str, ...] = ()
    #: The checkpoint of the last report in the artifact store; None without one, or on failure.
    checkpoint: StoredCheckpoint | None = None
    #: What a job of the kind ``test`` is for; None for all other kinds.
    on_test: OnTest | None = None


@dataclass(frozen=True, kw_only=True)
class Crashed:
    """The trainer raised; the worker itself lives on."""

    #: The error's type and first line.
    reason: str
    traceback: str


@dataclass(frozen=True, kw_only=True)
class OutOfMemory:
    """The trainer had too little memory; what its process held is free, the process is gone."""

    #: The error's type and first line.
    reason: str
    traceback: str


@dataclass(frozen=True, kw_only=True)
class Lost:
    """The worker's process is gone."""

    reason: str
    #: Whether all workers went with their cluster, which says nothing about any trial.
    with_cluster: bool = False


Event = Reported | Crashed | OutOfMemory | Lost
