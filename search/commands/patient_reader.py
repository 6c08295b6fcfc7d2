"""Reads a study again and again, and tolerates outages of the database."""

import time

from search.reporting.reading import read_study
from search.reporting.study_view import StudyView
from storage.database import Database
from storage.errors import DatabaseUnreachable
from storage.outage import translated

__all__ = ["PatientReader"]


class PatientReader:
    """Reads one study."""

    def __init__(self, database: Database, study: str, patience: float) -> None:
        """Prepare.

        Args:
            database: The database that stores the study.
            study: Name of the study.
            patience: Seconds to wait for an unreachable database.
        """
        self._database, self._study, self._patience = database, study, patience
        self._answered = time.monotonic()

    def read(self) -> StudyView | None:
        """The study; None while the database cannot be reached.

        Raises:
            DatabaseUnreachable: If it could not be reached for too long.
        """
        try:
            with translated():
                view = read_study(self._database, self._study)
        except DatabaseUnreachable:
            if time.monotonic() - self._answered > self._patience:
                raise
            return None
        self._answered = time.monotonic()
        return view
