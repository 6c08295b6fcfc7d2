"""The entries of the write queue: one record for each thing the driver has stored."""

from dataclasses import dataclass

from search.records.outcome import TrialEnd
from search.records.stored_checkpoint import StoredCheckpoint
from trainer.records import Report

__all__ = ["AddTrial", "EndTrial", "NewAttempt", "StoreReport", "StoreTest", "TakeUp", "Write"]


@dataclass(frozen=True, kw_only=True)
class AddTrial:
    """A new RUNNING trial with all its parameters, and its first attempt."""

    trial: int
    parameters: dict[str, float]
    epoch: int


@dataclass(frozen=True, kw_only=True)
class TakeUp:
    """A trial that somebody queued becomes RUNNING with all its parameters."""

    trial: int
    #: All parameters: those that were given, and those that were drawn.
    parameters: dict[str, float]
    epoch: int
    #: What its attribute says.
    queued: str


@dataclass(frozen=True, kw_only=True)
class NewAttempt:
    """A further attempt at a RUNNING trial."""

    trial: int
    attempt: int
    epoch: int
    #: Why the attempt before it ended: ``adopted``, ``error``, ``memory``, ``lost``, ``stalled``.
    why: str
    #: All parameters, where the stored trial lacks some; else None.
    parameters: dict[str, float] | None = None


@dataclass(frozen=True, kw_only=True)
class StoreReport:
    """One evaluation of a RUNNING trial; its score is None where it is not finite."""

    trial: int
    report: Report
    score: float | None
    #: The trial's checkpoints in the artifact store from now on; None where that did not change.
    stored: tuple[StoredCheckpoint, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class EndTrial:
    """The end of a trial."""

    trial: int
    end: TrialEnd


@dataclass(frozen=True, kw_only=True)
class StoreTest:
    """The best trial's scores on the test split, read once; it also ends the study."""

    #: ``trial`` and, where they could be had, the scores of both probes.
    result: dict[str, object]


Write = AddTrial | TakeUp | NewAttempt | StoreReport | EndTrial | StoreTest
