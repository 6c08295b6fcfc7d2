"""Raises the target of a study, whether or not a process drives it.

A driver reads the target every second, as it reads requests to stop, and continues to the new one
if it still searches. If its last trial has ended by then, it scores the best one and ends; the
study is then unfinished, and ``resume`` continues it.
"""

from search.config.configuration import MOST_TRIALS
from search.errors import StudyError
from storage.database import Database
from storage.errors import LeaseHeld
from storage.lease import lock_free
from storage.studies import get_study, raise_target, set_target

__all__ = ["extend", "wrong_target"]


def extend(database: Database, study: str, trials: int) -> bool:
    """Raise the target of a study.

    Args:
        database: The database that stores the study.
        study: Its name.
        trials: The new target.

    Returns:
        Whether a process drives it; if not, ``resume`` continues it.

    Raises:
        UnknownStudy: If there is no such study.
        StudyError: If the target is not a larger number, or the study is being confirmed.
        NotPermitted: If the role may not change rows.
    """
    with database.engine.begin() as connection:
        before = get_study(connection, study).trials
        if not before < trials <= MOST_TRIALS:
            raise wrong_target(study, str(trials), before)
        try:
            lock_free(connection, study)
        except LeaseHeld as error:
            if not raise_target(connection, study, trials):
                raise StudyError(
                    f"study {study!r} has finished its trials, and a process still works on it"
                    f" ({error}): extend it when that has ended"
                ) from error
            return True
        set_target(connection, study, trials)
        return False


def wrong_target(study: str, given: str, before: int) -> StudyError:
    """The error for a target that is not a larger number.

    Args:
        study: Name of the study.
        given: The target as somebody typed it.
        before: The present target.
    """
    return StudyError(
        f"{given!r:.40} is not a target for study {study!r}: give a number of trials above"
        f" {before}, up to {MOST_TRIALS}"
    )
