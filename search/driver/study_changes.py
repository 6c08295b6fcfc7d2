"""Changes that other processes made to a study, and the errors for writes that meet them."""

from dataclasses import dataclass

from optuna.trial import FrozenTrial

from search.errors import SearchError

__all__ = ["NumberTaken", "StudyChanges", "TrialOver"]


@dataclass(frozen=True, kw_only=True)
class StudyChanges:
    """What other processes changed in the study since the previous check."""

    #: Whether somebody asked this search to stop.
    stop_requested: bool
    #: Trials to finish; somebody may have raised it. 0 if that was not read.
    target: int = 0
    #: Trials that somebody else added, by number; each is listed once.
    added: tuple[FrozenTrial, ...] = ()
    #: Running trials that somebody else ended, by number; each is listed once.
    ended: tuple[FrozenTrial, ...] = ()

    @property
    def has_changes(self) -> bool:
        """Whether somebody else added or ended a trial."""
        return bool(self.added or self.ended)


class NumberTaken(SearchError):
    """Somebody else added a trial under the same number, so nothing was stored."""


class TrialOver(SearchError):
    """Somebody else ended the trial, so nothing more can be stored for it."""
