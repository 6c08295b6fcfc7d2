"""Optuna's storage on our database: the one module of this package that knows Optuna."""

import contextlib
from collections.abc import Iterator
from typing import Any

from optuna.storages import RDBStorage
from sqlalchemy import Connection, Engine, NullPool
from sqlalchemy.orm import scoped_session, sessionmaker

from storage.database import Database
from storage.engines import BARE_URL, set_up
from storage.errors import SchemaError
from storage.fence import fence
from storage.lease import Lease
from storage.optuna_schema import find_place, make_place
from storage.outage import translated
from storage.schema import lock_schema
from storage.transaction_settings import TransactionSettings

__all__ = ["one_transaction", "open_optuna"]


def open_optuna(database: Database, lease: Lease | None = None) -> RDBStorage:
    """Open Optuna's storage: its tables made, one connection, writes fenced by the lease.

    Outages come out of every call as :class:`DatabaseAway`, a lost lease as
    :class:`LeaseLost`. Optuna's heartbeat is off: the lease says who lives. Close it with
    ``storage.engine.dispose()``.

    Args:
        database: Where Optuna's tables are, or will be.
        lease: The driver's lease; None for somebody who only reads.

    Raises:
        SchemaError: If the tables are of another version of Optuna.
        DatabaseAway: If the database goes away meanwhile.
    """
    _make_tables(database)
    with translated():
        storage = _OneProcessStorage(
            database, database.engine_options(name="optuna"), skip_table_creation=True
        )
        try:
            _check_version(storage)
        except BaseException:
            storage.engine.dispose()
            raise
    if lease is not None:
        fence(storage.engine, lease)
    return storage


@contextlib.contextmanager
def one_transaction(
    database: Database, *, snapshot: bool = False
) -> Iterator[tuple[Connection, RDBStorage]]:
    """One transaction over Optuna's tables and ours: all that is done in it, or nothing.

    What Optuna's storage commits is a savepoint of it.

    Args:
        database: Where the tables are.
        snapshot: Read all as it is at one moment, and write nothing.

    Yields:
        The connection, for our tables, and the storage, for Optuna's.

    Raises:
        SchemaError: If Optuna's tables are of another version.
    """
    storage = open_optuna(database)
    engine = storage.engine
    if snapshot:
        engine = engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
    try:
        with translated(), engine.begin() as connection:
            storage.scoped_session = scoped_session(
                sessionmaker(bind=connection, join_transaction_mode="create_savepoint")
            )
            yield connection, storage
            storage.remove_session()
    finally:
        storage.engine.dispose()


class _OneProcessStorage(RDBStorage):
    """Optuna's storage on an engine of ours, which stays in its process.

    A pickled one would carry the password, and come back with neither fence nor translation.
    """

    def __init__(
        self, database: Database, options: dict[str, Any], *, skip_table_creation: bool = False
    ) -> None:
        """Open it.

        Args:
            database: Whose settings its transactions have.
            options: Arguments of ``create_engine``.
            skip_table_creation: Whether the tables are there.
        """
        self._settings = TransactionSettings(
            read_only=database.read_only, schema=database.optuna_schema
        )
        super().__init__(
            BARE_URL,
            engine_kwargs=options,
            skip_compatibility_check=True,
            skip_table_creation=skip_table_creation,
        )

    @property
    def engine(self) -> Engine:
        """The engine; Optuna's constructor sets it, and uses it at once."""
        return self._engine

    @engine.setter
    def engine(self, engine: Engine) -> None:
        set_up(engine, self._settings)
        self._engine = engine

    def __getstate__(self) -> dict[Any, Any]:
        raise TypeError(
            "the storage of a search stays in its process: a copy would carry the password and"
            " write without the lease's fence; open one there"
        )


def _make_tables(database: Database) -> None:
    """Let Optuna make its tables where they are missing, and note where they are.

    Optuna's constructor is not safe against a second one at the same moment.
    """
    with translated(), database.engine.connect() as connection:
        place = find_place(connection)
    if not place.made:
        with translated(), database.engine.begin() as connection:
            lock_schema(connection)
            make_place(connection, place)
        with translated(), database.engine.begin() as connection:
            lock_schema(connection)
            place = find_place(connection)
            if not place.made:
                database.optuna_schema = place.schema
                _let_optuna_make_them(database)
    database.optuna_schema = place.schema


def _let_optuna_make_them(database: Database) -> None:
    options = database.engine_options(name="optuna")
    for key in ("pool_pre_ping", "pool_size", "max_overflow"):
        del options[key]
    _OneProcessStorage(database, {**options, "poolclass": NullPool})


def _check_version(storage: RDBStorage) -> None:
    found, wanted = storage.get_current_version(), storage.get_head_version()
    if found == wanted:
        return
    older = found in storage.get_all_versions()
    mend = "run `optuna storage upgrade` as their owner" if older else "install a newer Optuna"
    raise SchemaError(
        f"Optuna's tables do not fit this Optuna: they have version {found}, {wanted} is needed;"
        f" {mend}, or give another database"
    )
