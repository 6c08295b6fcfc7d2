"""What the write queue learns of a study that others write to, and how it says so."""

from dataclasses import dataclass

from optuna.trial import FrozenTrial

from search.errors import SearchError

__all__ = ["Look", "NumberTaken", "TrialOver"]


@dataclass(frozen=True, kw_only=True)
class Look:
    """One look at the study: what is new in it since the last one."""

    #: Whether somebody asked this search to stop.
    stop_requested: bool
    #: Trials that somebody else added, by number; each is shown once.
    added: tuple[FrozenTrial, ...] = ()
    #: Trials under way that somebody else ended, by number; each is shown once.
    ended: tuple[FrozenTrial, ...] = ()

    @property
    def is_news(self) -> bool:
        """Whether somebody else wrote to the study."""
        return bool(self.added or self.ended)


class NumberTaken(SearchError):
    """Somebody else added a trial under the number of the one to be stored: nothing was stored."""


class TrialOver(SearchError):
    """Somebody else ended the trial: nothing more can be stored of it."""
