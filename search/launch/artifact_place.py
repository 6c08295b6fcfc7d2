"""Check the place of a study's artifacts, before any work is spent on the study."""

from search.driver.study_store import ARTIFACTS_ATTRIBUTE
from storage.database import Database
from storage.optuna_tables import read_system_attributes

__all__ = ["check_artifact_place"]


def check_artifact_place(database: Database, study: str | None, given: str | None) -> None:
    """Refuse a place that cannot be used: the given one, or else the one that the study stores.

    Args:
        database: The database that stores the study.
        study: Name of the study; None for a new one.
        given: Value of ``--artifacts``; None if it was not given.

    Raises:
        ArtifactPlaceError: If it is no place, cannot be written to, or needs a missing package.
    """
    place = given or _stored_place(database, study)
    if place is None:
        return
    # lazily: it imports boto3
    from storage.artifact_places import check_writable, open_artifacts

    check_writable(open_artifacts(place), place)


def _stored_place(database: Database, study: str | None) -> str | None:
    if study is None:
        return None
    place = read_system_attributes(database, study, [ARTIFACTS_ATTRIBUTE]).get(ARTIFACTS_ATTRIBUTE)
    return place if isinstance(place, str) else None
