"""What the page of studies can do to one: ask its driver to stop, or raise its target."""

from search.errors import StudyError
from search.reporting.reading import read_study
from storage.database import Database
from storage.lease import lock_free
from storage.studies import get_study, request_stop, set_target

__all__ = ["MOST_TRIALS", "extend", "stop"]

MOST_TRIALS = 1_000_000


def stop(database: Database, study: str) -> None:
    """Ask the driver of a study to stop after the evaluations in progress.

    Raises:
        UnknownStudy: If there is no such study.
        StudyError: If no process drives it.
        NotPermitted: If the role may not change rows.
    """
    view = read_study(database, study)
    if view.driver is None:
        raise StudyError(f"study {study!r} is {view.state}: there is nothing to stop")
    request_stop(database.engine, study)


def extend(database: Database, study: str, trials: str) -> None:
    """Raise the target of a study that no process drives; ``resume`` then continues it.

    Args:
        database: The database that stores the study.
        study: Its name.
        trials: The new target, as somebody typed it.

    Raises:
        UnknownStudy: If there is no such study.
        StudyError: If the target is not a larger number.
        LeaseHeld: If a process drives it: that process keeps the target that it started with.
        NotPermitted: If the role may not change rows.
    """
    # Python converts no number of thousands of digits.
    is_number = trials.isascii() and trials.isdigit() and len(trials) <= len(str(MOST_TRIALS))
    with database.engine.begin() as connection:
        lock_free(connection, study)
        before = get_study(connection, study).trials
        if not (is_number and before < int(trials) <= MOST_TRIALS):
            raise StudyError(
                f"{trials!r:.40} is not a target for study {study!r}: give a number of trials"
                f" above {before}, up to {MOST_TRIALS}"
            )
        set_target(connection, study, int(trials))
