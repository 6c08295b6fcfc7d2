"""The interface of pruners: rules that compare a running trial with others."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from optuna.trial import FrozenTrial

from search.pruners.full_runs import SearchStudy
from search.records.outcome import Keep, Verdict

__all__ = ["KeepAll", "Pruner", "SparingPruner"]


class Pruner(Protocol):
    """Decides on a trial after each of its reports.

    A function of the reported scores alone, without state between calls: asked again after a
    restart, it answers the same. Scores are better when higher. A pruner is a frozen dataclass:
    its field ``evaluations`` is given by the run, and its other fields are its settings, each
    with a default (``[search.pruner_options]``).
    """

    @property
    def evaluations(self) -> int:
        """Evaluations E of a full run."""

    def decide(self, study: SearchStudy, trial: FrozenTrial) -> Verdict:
        """Decide after the trial's last report.

        Args:
            study: The in-memory study: an Optuna study that keeps its full runs at hand.
            trial: The running trial, its scores as ``intermediate_values`` by evaluation.
        """
        ...


@runtime_checkable
class SparingPruner(Pruner, Protocol):
    """A pruner that lets some trials run to their end, so that what it loses can be audited."""

    def is_immune(self, number: int) -> bool:
        """Whether the trial of that number runs to its end unless it collapses."""

    def judge(self, study: SearchStudy, trial: FrozenTrial) -> Verdict | None:
        """Decide as if the trial were not immune.

        Args:
            study: The study, with the full runs that are known.
            trial: The trial, with its scores so far.

        Returns:
            The verdict; None where the pruner stops no trial, however bad it is.
        """


@dataclass(frozen=True, kw_only=True)
class KeepAll:
    """The pruner ``none``: every healthy trial runs to its end."""

    #: Evaluations E of a full run.
    evaluations: int

    def decide(self, study: SearchStudy, trial: FrozenTrial) -> Verdict:
        """Keep the trial."""
        del study, trial
        return Keep()
