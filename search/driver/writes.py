"""The writes of the write queue: one record per kind of thing that the driver stores."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from search.records.outcome import TrialEnd
from search.records.stored_checkpoint import StoredCheckpoint
from trainer.records import Report

__all__ = [
    "AddTrial",
    "Batchable",
    "EndTrial",
    "NewAttempt",
    "StartQueued",
    "StoreAttribute",
    "StoreNote",
    "StorePlot",
    "StoreReport",
    "StoreTest",
    "Write",
]


@dataclass(frozen=True, kw_only=True)
class AddTrial:
    """Adds a RUNNING trial with all its parameters and its first attempt."""

    trial: int
    parameters: dict[str, float]
    epoch: int
    #: Its canonical vector (``search/spaces/canonical.py``); empty if it has none.
    canonical: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StartQueued:
    """Makes a trial that somebody queued RUNNING, with all its parameters."""

    trial: int
    #: All parameters: those that were given and those that were sampled.
    parameters: dict[str, float]
    epoch: int
    #: The text of its attribute ``queued``.
    queued: str
    #: Its canonical vector; empty if it has none.
    canonical: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class NewAttempt:
    """Adds another attempt to a RUNNING trial."""

    trial: int
    attempt: int
    epoch: int
    #: Why the attempt before it ended: ``adopted``, ``error``, ``memory``, ``lost``, ``stalled``.
    why: str
    #: All parameters if the stored trial lacks some; else None.
    parameters: dict[str, float] | None = None


@dataclass(frozen=True, kw_only=True)
class StoreReport:
    """Stores one evaluation of a RUNNING trial; the score is None if it is not finite."""

    trial: int
    report: Report
    score: float | None
    #: The trial's checkpoints in the artifact store from now on; None if they did not change.
    stored: tuple[StoredCheckpoint, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class EndTrial:
    """Ends a trial."""

    trial: int
    end: TrialEnd


@dataclass(frozen=True, kw_only=True)
class StoreTest:
    """Stores the best trial's scores on the test split, and marks the study as finished."""

    #: ``trial`` and, if the test split was scored, the scores of both probes.
    result: dict[str, object]
    #: Trials that are finished; if the target is higher by now, the study is not.
    finished: int


@dataclass(frozen=True, kw_only=True)
class StoreAttribute:
    """Stores a user attribute of the study, such as the result of a confirmation's run."""

    key: str
    #: JSON data; finite numbers only.
    value: dict[str, object]


@dataclass(frozen=True, kw_only=True)
class StoreNote:
    """Replaces the study's note, unless somebody else wrote it. It is dropped in an outage."""

    #: Markdown.
    text: str


@dataclass(frozen=True, kw_only=True)
class StorePlot:
    """Replaces the study's plot in the dashboard. It is dropped in an outage."""

    #: Plotly's JSON.
    text: str


#: Frequent writes, many of which can be stored in one transaction.
Batchable = AddTrial | StoreReport | EndTrial
Write = (
    AddTrial
    | StartQueued
    | NewAttempt
    | StoreReport
    | EndTrial
    | StoreTest
    | StoreAttribute
    | StoreNote
    | StorePlot
)
