"""What holds in every transaction of an engine, whoever stands between it and the server.

The settings are made inside each transaction, for that transaction alone. Parameters of the
connection would be refused by a pooler such as PgBouncer, and settings of the session would be
lost there: in transaction mode each transaction may run in another session.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, event

from storage.errors import NotPermitted

__all__ = ["TransactionSettings", "set_in_each_transaction"]

#: Kept by the server: a transaction whose program has fallen silent (frozen, cut off) is ended,
#: so that its locks block nobody for long; nobody waits for a lock for ever.
SERVER_SETTINGS = {
    "idle_in_transaction_session_timeout": "10s",
    "lock_timeout": "15s",  # longer than the above: whoever waits for a silent one outlasts it
    "timezone": "UTC",
}
#: As well, where this program is to write nothing, whatever its role may. It comes with a query,
#: after which PostgreSQL lets no transaction become one that writes.
READ_ONLY_SETTINGS = {"transaction_read_only": "on"}


@dataclass(frozen=True, kw_only=True)
class TransactionSettings:
    """Settings of the transactions of an engine."""

    #: Whether the server is to refuse every write.
    read_only: bool = False
    #: The one schema in which names without a schema are looked for; None leaves that alone.
    schema: str | None = None

    def values(self) -> dict[str, str]:
        """The server's settings by name."""
        values = SERVER_SETTINGS | (READ_ONLY_SETTINGS if self.read_only else {})
        if self.schema is not None:
            values["search_path"] = '"' + self.schema.replace('"', '""') + '"'
        return values


def set_in_each_transaction(engine: Engine, settings: TransactionSettings) -> None:
    """Have every transaction of the engine begin with these settings.

    Raises:
        NotPermitted: From an engine that only reads, where a statement would run outside of a
            transaction, and so without them.
    """
    values = settings.values()
    statement = f"SELECT {', '.join(['set_config(%s, %s, true)'] * len(values))}"
    parameters = tuple(text for setting in values.items() for text in setting)

    @event.listens_for(engine, "begin")
    def _set(connection: Connection) -> None:
        if connection.connection.dbapi_connection.autocommit:  # type: ignore[union-attr]
            if settings.read_only:
                raise NotPermitted(
                    "a connection that only reads was to run statements outside of transactions:"
                    " open the database for writing"
                )
            return
        connection.exec_driver_sql(statement, parameters)
