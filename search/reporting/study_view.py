"""A study and its trials as plain data: all that is ever shown of them."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from search.records.counts import Counts
from search.records.outcome import PruneKind

__all__ = ["ENDED", "WAITS", "State", "StudyView", "TrialState", "TrialView"]

State = Literal["running", "finished", "paused"]
TrialState = Literal["waiting", "running", "complete", "pruned", "failed"]
#: The states in which a trial stays.
ENDED: tuple[TrialState, ...] = ("complete", "pruned", "failed")
#: What stands for the parameters of a queued trial before it is begun.
WAITS = "waits"


@dataclass(frozen=True, kw_only=True)
class TrialView:
    """A trial as it is stored."""

    number: int
    state: TrialState
    #: The objective's value; of a pruned trial the last score, None if there is none.
    value: float | None
    params: Mapping[str, float]
    #: The objective's score by evaluation.
    scores: Mapping[int, float]
    #: Why each of its attempts began, in order.
    attempts: tuple[str, ...] = ()
    #: Which kind of rule stopped it; None unless it is pruned.
    kind: PruneKind | None = None
    #: Why it was pruned, failed or not counted, in one line; empty otherwise.
    reason: str = ""
    #: Traceback of a failed trial; empty otherwise.
    traceback: str = ""
    #: False if somebody else ended it, or added it as ended: it is shown and not counted.
    counted: bool = True
    #: By whom it was queued and with what, or :data:`WAITS`; empty if it was drawn.
    queued: str = ""
    #: What its last report said, such as ``miou``.
    figures: Mapping[str, float]

    @property
    def ended(self) -> bool:
        """Whether its state is final."""
        return self.state in ENDED


@dataclass(frozen=True, kw_only=True)
class StudyView:
    """A study as it stands in the database."""

    name: str
    state: State
    #: Who drives it, for people; None if nobody does.
    driver: str | None
    #: Trials to be finished.
    target: int
    created_at: datetime.datetime
    seed: int
    #: The whole resolved configuration, as tables.
    config: Mapping[str, Any]
    #: Protocol of its values and how they are made; None if another version made the study
    #: with settings that this one does not know.
    protocol: str | None
    #: Name of the objective, and its label with the unit.
    objective: str
    objective_title: str
    #: The parameters of a run that was not tuned.
    defaults: Mapping[str, float]
    counts: Counts
    #: By number.
    trials: tuple[TrialView, ...]
    #: The complete trial of the highest value; None before the first.
    best: TrialView | None
    #: The best trial's scores on the test split, once they were read.
    test: Mapping[str, Any] | None

    @property
    def queued(self) -> dict[int, str]:
        """Trials that somebody queued, by number: with what, or that they wait."""
        return {trial.number: trial.queued for trial in self.trials if trial.queued}
