"""Optuna's own contract suite for storages, on the storage that a driver uses, in PostgreSQL.

Left out, by name and with the reason, is one case: ``test_pickle_storage``. It asks that a
storage can be pickled, which ours refuses: the copy would carry the database's password to
wherever it goes, and would write without the lease's fence. That it refuses is tested instead.
The cases that make dozens of trials are marked long: `make test-long` runs them.
"""

import contextlib
import pickle  # noqa: TID251 - to see that nothing of ours can be pickled
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
from optuna.storages import BaseStorage, RDBStorage
from optuna.testing.pytest_storages import StorageTestCase
from sqlalchemy import text

from storage.address import parse_address
from storage.database import Database, open_database
from storage.lease import Lease
from storage.optuna_store import open_optuna
from tests.integration.conftest import TEMPLATE, _fresh

#: Optuna's tables whose rows belong to a study; deleting that takes the others along.
EMPTY = text("TRUNCATE public.studies CASCADE")


@pytest.fixture(scope="module")
def driven(_template: Database, embedded_root: Path) -> Iterator[tuple[Database, RDBStorage]]:
    """A database, and the storage of a driver that holds its lease."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for address in _fresh(_template, embedded_root, template=TEMPLATE):
        with (
            open_database(parse_address(address)) as database,
            _unflushed(database),
            Lease.acquire(database, "contract") as lease,
        ):
            storage = open_optuna(database, lease)
            yield database, storage
            lease.check()  # no case was spared the fence
            storage.remove_session()
            storage.engine.dispose()
    optuna.logging.set_verbosity(verbosity)


@contextlib.contextmanager
def _unflushed(database: Database) -> Iterator[None]:
    """Skip the wait for the disk in the suite's thousands of commits; no case depends on it."""
    with database.engine.begin() as connection:
        name = connection.scalar(text("SELECT current_database()"))
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET synchronous_commit = off")
    yield


@pytest.fixture
def storage(driven: tuple[Database, RDBStorage]) -> RDBStorage:
    """The storage, with no study in it."""
    database, opened = driven
    with database.engine.begin() as connection:
        connection.execute(EMPTY)
    return opened


class TestDriversStorage(StorageTestCase):
    """All cases of the suite but the one below."""

    def test_pickle_storage(self, storage: BaseStorage) -> None:
        with pytest.raises(TypeError, match="cannot be copied to another process"):
            pickle.dumps(storage)


#: Cases that make dozens of trials: seconds each.
HEAVY = (
    "test_get_all_studies",
    "test_get_all_trials",
    "test_get_all_trials_not_modified",
    "test_get_trial",
)
for _name in HEAVY:
    setattr(TestDriversStorage, _name, pytest.mark.long(getattr(StorageTestCase, _name)))


def test_no_case_is_left_out_except_the_named_one() -> None:
    cases = {name for name in dir(StorageTestCase) if name.startswith("test_")}
    changed = {name for name in vars(TestDriversStorage) if name.startswith("test_")}
    assert len(cases) > 40 and changed == {"test_pickle_storage", *HEAVY}
    assert all(vars(TestDriversStorage)[name] is vars(StorageTestCase)[name] for name in HEAVY)
