"""A session closes its connection however it ends."""

import contextlib
from pathlib import Path
from typing import Never

import pytest
from sqlalchemy import text

from search.driver.parts import Parts
from search.driver.study_store import StudyStore
from search.errors import StudyError
from storage.database import Database
from storage.lease import Lease
from tests.fakes.search_process import STUDY, claim, session_of
from tests.fakes.waiting import wait_until

OPEN = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE application_name = 'unim2-search optuna' AND datname = current_database()"
)


class Unreadable(StudyStore):
    def load(self) -> Never:
        raise StudyError("some of its trials were deleted")


def connections(database: Database) -> int:
    """How many connections sessions have."""
    with database.engine.connect() as connection:
        return int(connection.execute(OPEN).scalar_one())


def test_a_session_that_cannot_load_its_study_leaves_no_connection(
    database: Database, tmp_path: Path
) -> None:
    claim(database, 3, 1)
    with Lease.acquire(database, STUDY) as lease:
        with pytest.raises(StudyError) as caught:
            session_of(database, lease, tmp_path, parts=Parts(study_store=Unreadable))
        wait_until(lambda: connections(database) == 0, seconds=5)
        assert caught.value is not None


def test_a_closed_session_leaves_no_connection(database: Database, tmp_path: Path) -> None:
    claim(database, 3, 1)
    with Lease.acquire(database, STUDY) as lease:
        with contextlib.closing(session_of(database, lease, tmp_path)):
            assert connections(database) == 1
        wait_until(lambda: connections(database) == 0, seconds=5)
