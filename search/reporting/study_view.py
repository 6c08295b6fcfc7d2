"""A study and its trials as plain data, with everything that printers show."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from search.records.confirmation import Confirmation
from search.records.counts import Counts
from search.records.stored_picture import StoredPicture
from search.records.stored_trial import PruneKind
from search.spaces import Space
from trainer.console.shell import search_command, shell_text

__all__ = ["ENDED", "WAITS", "State", "StudyView", "TrialState", "TrialView"]

State = Literal["running", "finished", "paused"]
TrialState = Literal["waiting", "running", "complete", "pruned", "failed"]
#: The final states of a trial.
ENDED: tuple[TrialState, ...] = ("complete", "pruned", "failed")
#: Stands for the parameters of a queued trial before it starts.
WAITS = "waits"


@dataclass(frozen=True, kw_only=True)
class TrialView:
    """A stored trial."""

    number: int
    state: TrialState
    #: The objective's value; for a pruned trial its last score; None without a score.
    value: float | None
    params: Mapping[str, float]
    #: The objective's score by evaluation.
    scores: Mapping[int, float]
    #: Why each of its attempts started, in order.
    attempts: tuple[str, ...] = ()
    #: The kind of rule that stopped it; None unless it was pruned.
    kind: PruneKind | None = None
    #: Why it was pruned, failed or not counted, in one line; empty otherwise.
    reason: str = ""
    #: Traceback of a failed trial; empty otherwise.
    traceback: str = ""
    #: False if others ended it or added it as finished, or if it was imported: it is shown but
    #: not counted.
    counted: bool = True
    #: From which file it was imported; empty otherwise.
    imported: str = ""
    #: Who queued it and with which values, or :data:`WAITS`; empty if it was sampled.
    queued: str = ""
    #: Criteria of its last report, such as ``miou``.
    figures: Mapping[str, float]
    #: IoU by class at its last evaluation, in percent; empty if that is not stored.
    class_iou: Mapping[str, float] = field(default_factory=dict)
    #: Its canonical vector, as stored; empty in studies of earlier versions.
    canonical: Mapping[str, float] = field(default_factory=dict)
    #: Its pictures in an artifact store.
    pictures: tuple[StoredPicture, ...] = ()
    #: When it was created and when it ended, in the local time of its driver; None if unknown.
    started_at: datetime.datetime | None = None
    ended_at: datetime.datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether its state is final."""
        return self.state in ENDED


@dataclass(frozen=True, kw_only=True)
class StudyView:
    """The current state of a study in the database."""

    name: str
    state: State
    #: Description of the process that drives it; None if none does.
    driver: str | None
    #: Number of trials to finish.
    target: int
    created_at: datetime.datetime
    seed: int
    #: The whole resolved configuration, as tables.
    config: Mapping[str, Any]
    #: Protocol of its values and how they are computed; None if another version created the
    #: study with settings that this one does not know.
    protocol: str | None
    #: Name of the objective, and its label with the unit.
    objective: str
    objective_title: str
    #: The search space; None if another version created it with settings unknown to this one.
    space: Space | None
    counts: Counts
    #: By number.
    trials: tuple[TrialView, ...]
    #: The complete trial with the highest value; None before the first one.
    best: TrialView | None
    #: The best trial's scores on the test split, once evaluated.
    test: Mapping[str, Any] | None
    #: What is stored about its confirmation.
    confirmation: Confirmation
    #: Whether somebody asked its driver to stop.
    stop_requested: bool = False
    #: The flags that name its database in a command; none for the default database.
    storage: tuple[str, ...] = ()

    def command(self, verb: str, *options: object, named: bool = True) -> str:
        """A command about this study, or about its database, quoted for a shell.

        Args:
            verb: Such as ``resume``.
            options: Its options.
            named: Whether it names the study.
        """
        study = self.name if named else None
        return shell_text(search_command(verb, *self.storage, *options, study=study))

    def save_best(self) -> str:
        """The command that writes the best trial's settings to ``best.toml``."""
        options = (*self.storage, "--format", "toml")
        return shell_text(search_command("best", *options, study=self.name), into="best.toml")

    def setting(self, path: str) -> Any:
        """A setting by its name, such as ``training.iterations``; None if it is not stored."""
        found: Any = self.config
        for key in path.split("."):
            found = found.get(key) if isinstance(found, Mapping) else None
        return found

    @property
    def defaults(self) -> dict[str, float]:
        """The default values of its hyper-parameters; empty for an unknown space."""
        return {} if self.space is None else self.space.defaults

    @property
    def nothing_searched(self) -> bool:
        """Whether the space is ``fixed``: there is one trial, and never a second."""
        return self.space is not None and not self.space.hyper_parameters

    @property
    def val_is_test(self) -> bool:
        """Whether trials are chosen on the test split."""
        options = self.config.get("data", {}).get("options", {})
        return bool(options.get("val") == "test")

    @property
    def queued(self) -> dict[int, str]:
        """Queued trials by number: who queued them and with which values, or :data:`WAITS`."""
        return {trial.number: trial.queued for trial in self.trials if trial.queued}
