"""What the page of studies can do to one: ask its driver to stop, or raise its target."""

from search.config.configuration import MOST_TRIALS
from search.driver import extending
from search.driver.extending import wrong_target
from search.errors import StudyError
from search.reporting.reading import read_study
from storage.database import Database
from storage.studies import get_study, request_stop

__all__ = ["extend", "stop"]


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
    """Raise the target of a study: its driver continues to it, or ``resume`` continues it.

    Args:
        database: The database that stores the study.
        study: Its name.
        trials: The new target, as somebody typed it.

    Raises:
        UnknownStudy: If there is no such study.
        StudyError: If the target is not a larger number, or the study is being confirmed.
        NotPermitted: If the role may not change rows.
    """
    # Python converts no number of thousands of digits.
    is_number = trials.isascii() and trials.isdigit() and len(trials) <= len(str(MOST_TRIALS))
    if not is_number:
        raise wrong_target(study, trials, get_study(database.engine, study).trials)
    extending.extend(database, study, int(trials))
