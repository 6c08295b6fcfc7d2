"""The messages between the driver and its workers: frozen records of plain numbers.

One exchange is an order for a slot of a worker and an event: the worker trains the slot to its
next evaluation and reports it; the driver decides and answers with the next order.
"""

from dataclasses import dataclass
from pathlib import Path

from search.records.jobs import Job
from search.records.stored_checkpoint import StoredCheckpoint
from search.records.stored_picture import StoredPicture
from trainer.records import Report, Scores

__all__ = [
    "Begin",
    "Continue",
    "Crashed",
    "DrawPictures",
    "Event",
    "Lost",
    "OnTest",
    "Order",
    "OutOfMemory",
    "PicturesDrawn",
    "Reported",
    "Task",
]


@dataclass(frozen=True, kw_only=True)
class Task:
    """One attempt at one job."""

    job: Job
    #: Attempt at this job, from 1.
    attempt: int
    #: Values of the hyper-parameters and of searched settings, by name.
    params: dict[str, float]
    #: Seed of the training run.
    seed: int
    #: Folder of this attempt's checkpoint, which no other attempt writes to.
    folder: str
    #: Folders of checkpoints to resume from, such as those of earlier attempts; the one with most
    #: evaluations is used.
    earlier: tuple[str, ...] = ()
    #: Checkpoints in the artifact store to resume from, as stored in PostgreSQL, newest first.
    stored: tuple[StoredCheckpoint, ...] = ()

    @property
    def trial(self) -> int:
        """Number of the trial that the job is about."""
        return self.job.trial

    @property
    def place(self) -> str:
        """Job and attempt in a path, such as ``trial-00012/attempt-2-epoch-5``."""
        return "/".join(Path(self.folder).parts[-2:])


@dataclass(frozen=True, kw_only=True)
class Begin:
    """Begin the task; whatever ran before is dropped."""

    task: Task


@dataclass(frozen=True, kw_only=True)
class Continue:
    """Train to the next evaluation."""


@dataclass(frozen=True, kw_only=True)
class DrawPictures:
    """Draw and store the pictures of the run, which is not trained further."""


Order = Begin | Continue | DrawPictures


@dataclass(frozen=True, kw_only=True)
class OnTest:
    """Scores on the test split, in a type that no rule, pruner or objective accepts."""

    cluster: Scores
    linear: Scores


@dataclass(frozen=True, kw_only=True)
class Reported:
    """The worker reached an evaluation, resumed from a checkpoint, or scored one on test."""

    job: Job
    attempt: int
    #: All reports of the checkpoint that the run resumed from, or the report just made.
    reports: tuple[Report, ...]
    #: Lines to show, such as one about a damaged checkpoint that was skipped.
    notes: tuple[str, ...] = ()
    #: The last report's checkpoint in the artifact store; None without a store, or on failure.
    checkpoint: StoredCheckpoint | None = None
    #: The scores of a job of the kind ``test``; None for all other kinds.
    on_test: OnTest | None = None


@dataclass(frozen=True, kw_only=True)
class PicturesDrawn:
    """The worker drew the pictures of a run, as far as it could."""

    #: Those that are in the artifact store.
    pictures: tuple[StoredPicture, ...]
    #: Lines to show, such as why there are none.
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Crashed:
    """The trainer raised an error; the worker's process continues."""

    #: The error's type and first line.
    reason: str
    traceback: str


@dataclass(frozen=True, kw_only=True)
class OutOfMemory:
    """The trainer ran out of memory; the worker gets a new process."""

    #: The error's type and first line.
    reason: str
    traceback: str


@dataclass(frozen=True, kw_only=True)
class Lost:
    """The worker's process died."""

    reason: str
    #: Whether all workers were lost with their cluster, which is not the fault of any trial.
    with_cluster: bool = False
    #: Whether other jobs were lost with the same process: nobody knows which of them ended it.
    shared: bool = False


Event = Reported | PicturesDrawn | Crashed | OutOfMemory | Lost
