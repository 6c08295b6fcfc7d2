"""What the driver and its workers say to each other: frozen records and plain numbers only.

One exchange is ``worker.advance(order) → Reported``: the worker trains to its next
evaluation and tells of it; the driver decides and answers with the next order.
"""

from dataclasses import dataclass
from pathlib import Path

from search.records.stored_checkpoint import StoredCheckpoint
from trainer.records import Report

__all__ = [
    "Begin",
    "Continue",
    "Crashed",
    "Event",
    "Lost",
    "Order",
    "OutOfMemory",
    "Reported",
    "Task",
]


@dataclass(frozen=True, kw_only=True)
class Task:
    """One attempt at one trial."""

    #: Trial number in the study.
    trial: int
    #: Attempt at this trial, from 1.
    attempt: int
    #: Values by name: of the method's knobs and of searched settings.
    hyper: dict[str, float]
    #: Seed of the training run.
    seed: int
    #: Folder that this attempt writes its checkpoint to; no other attempt does.
    folder: str
    #: Folders of earlier attempts that PostgreSQL knows: the furthest checkpoint is gone on from.
    earlier: tuple[str, ...] = ()
    #: Checkpoints of the trial in the depot that PostgreSQL knows, the newest first.
    stored: tuple[StoredCheckpoint, ...] = ()

    @property
    def place(self) -> str:
        """Names trial and attempt, such as ``trial-00012/attempt-2-epoch-5``."""
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
class Reported:
    """The worker reached an evaluation, or took up a checkpoint."""

    trial: int
    attempt: int
    #: All reports of a checkpoint taken up, else the one of the evaluation just made.
    reports: tuple[Report, ...]
    #: Things worth telling, such as a damaged checkpoint that was passed over.
    notes: tuple[str, ...] = ()
    #: The checkpoint of the last report in the depot; None without a depot, or if that failed.
    checkpoint: StoredCheckpoint | None = None


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
