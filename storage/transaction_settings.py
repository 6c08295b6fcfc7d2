"""Settings that every transaction of an engine begins with, so that poolers cannot lose them.

The settings are made inside each transaction, for that transaction only. A pooler such as
PgBouncer would refuse parameters of the connection and lose settings of the session: in
transaction mode each transaction may run in another session.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, event

from storage.errors import NotPermitted

__all__ = ["TransactionSettings", "set_in_each_transaction"]

#: The server ends transactions of frozen or disconnected programs, so that their locks do not
#: block others for long, and no transaction waits for a lock for ever. Whatever else could change
#: what is read or written has one value for all, since roles and databases may have others.
SERVER_SETTINGS = {
    "idle_in_transaction_session_timeout": "10s",
    "lock_timeout": "15s",  # longer than the above, to outlast a transaction that the server ends
    # limits of roles are meant for queries by hand; a statement that is ended would be repeated
    "statement_timeout": "0",
    "timezone": "UTC",
    "datestyle": "ISO",
    "extra_float_digits": "3",  # numbers are read back as they were written
}
#: Additional settings for read-only engines, whatever the role may do. They are set by a query,
#: after which PostgreSQL does not let a transaction become one that writes.
READ_ONLY_SETTINGS = {"transaction_read_only": "on"}


@dataclass(frozen=True, kw_only=True)
class TransactionSettings:
    """Settings of the transactions of an engine."""

    #: Whether the server is to refuse every write.
    read_only: bool = False
    #: The only schema in which names without a schema are searched; None keeps ``search_path``.
    schema: str | None = None

    def values(self) -> dict[str, str]:
        """The server's settings by name."""
        values = SERVER_SETTINGS | (READ_ONLY_SETTINGS if self.read_only else {})
        if self.schema is not None:
            values["search_path"] = '"' + self.schema.replace('"', '""') + '"'
        return values


def set_in_each_transaction(engine: Engine, settings: TransactionSettings) -> None:
    """Make every transaction of the engine begin with these settings.

    Raises:
        NotPermitted: Later, by a read-only engine, for a statement outside of a transaction, which
            would run without these settings.
    """
    values = settings.values()
    statement = f"SELECT {', '.join(['set_config(%s, %s, true)'] * len(values))}"
    parameters = tuple(text for setting in values.items() for text in setting)

    @event.listens_for(engine, "begin")
    def _set(connection: Connection) -> None:
        if connection.connection.dbapi_connection.autocommit:  # type: ignore[union-attr]
            if settings.read_only:
                raise NotPermitted(
                    "a read-only connection cannot run statements outside of transactions: open"
                    " the database for writing"
                )
            return
        connection.exec_driver_sql(statement, parameters)
