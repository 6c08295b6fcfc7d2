"""Optuna's storage on our database: the one module of this package that knows Optuna."""

from typing import Any

from optuna.storages import RDBStorage
from sqlalchemy import NullPool

from storage.database import Database
from storage.engines import BARE_URL, engine_options, report_outages
from storage.errors import SchemaError
from storage.fence import fence
from storage.lease import Lease
from storage.outage import translated
from storage.schema import lock_schema

__all__ = ["open_optuna"]


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
    storage = RDBStorage(
        BARE_URL,
        engine_kwargs=engine_options(database.url_parts(), name="optuna", connections=1),
        skip_table_creation=True,
        skip_compatibility_check=True,
    )
    report_outages(storage.engine)
    if lease is not None:
        fence(storage.engine, lease)
    return storage


def _make_tables(database: Database) -> None:
    """Let Optuna make its tables, or check their version, while nobody else does.

    Optuna's constructor is not safe against a second one at the same moment.
    """
    options: dict[str, Any] = engine_options(database.url_parts(), name="optuna", connections=1)
    for key in ("pool_pre_ping", "pool_size", "max_overflow"):
        del options[key]
    with translated(), database.engine.begin() as connection:
        lock_schema(connection)
        try:
            RDBStorage(BARE_URL, engine_kwargs={**options, "poolclass": NullPool})
        except RuntimeError as error:
            raise SchemaError(
                f"Optuna's tables do not fit this Optuna: {' '.join(str(error).split())}"
            ) from error
