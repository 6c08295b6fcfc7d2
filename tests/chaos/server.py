"""The suite's own PostgreSQL server, which can be stopped and started at any moment."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Engine, text

from storage.address import Address, parse_address
from storage.database import Database, open_database
from storage.embedded import EmbeddedServer
from storage.optuna_store import open_optuna
from tests.fakes.scratch import scratch_root
from tests.fakes.server_settings import spare_the_disk

__all__ = ["ChaosServer"]

TEMPLATE = "chaos_template"


class ChaosServer:
    """A server that drivers do not own, so that they never start it again themselves."""

    def __init__(self, embedded: EmbeddedServer) -> None:
        self._embedded = embedded
        self.running = True

    @classmethod
    @contextlib.contextmanager
    def open(cls) -> Iterator["ChaosServer"]:
        """A new server for the length of the block, with a template that has all tables."""
        parent = Path(tempfile.mkdtemp(prefix="umss-chaos-", dir=scratch_root()))
        parent.chmod(0o711)
        embedded = EmbeddedServer.join(parent / "server")
        try:
            server = cls(embedded)
            server._make_template()
            yield server
        finally:
            embedded.ensure_running()  # a server that was torn down does not stop cleanly
            embedded.leave()
            shutil.rmtree(parent, ignore_errors=True)

    def tear_down(self) -> None:
        """``pg_ctl stop -m immediate``: connections break, nothing is flushed."""
        self.running = False
        self._embedded.programs.run(
            "pg_ctl", ["stop", "-D", "data", "-m", "immediate", "-w"], seconds=60
        )

    def start(self) -> None:
        """Start it again; it recovers from its write-ahead log."""
        self._embedded.ensure_running()
        self.running = True

    @contextlib.contextmanager
    def database(self, name: str) -> Iterator[str]:
        """A database with all tables and no study, for the length of the block; its address."""
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE {TEMPLATE} STRATEGY FILE_COPY')
        try:
            yield self._address(name)
        finally:
            self.start()
            self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _make_template(self) -> None:
        with Database(self._parsed("postgres"), None) as database:
            spare_the_disk(database)
        self._execute(f"CREATE DATABASE {TEMPLATE}")
        with open_database(parse_address(self._address(TEMPLATE))) as template:
            open_optuna(template).engine.dispose()

    def _execute(self, statement: str) -> None:
        with Database(self._parsed("postgres"), None) as database:
            engine: Engine = database.engine
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text(statement))

    def _parsed(self, name: str) -> Address:
        return parse_address(self._address(name))

    def _address(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self._embedded.socket_folder}"
