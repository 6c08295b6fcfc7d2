"""PostgreSQL on a host, by ``deploy/postgres.sh``: for the others over TCP, with SCRAM.

The test reads it over its local socket, whatever its host's network does, as the account that
it runs under: no other account has access.
"""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2

from storage.embedded_folder import EmbeddedFolder
from storage.server_account import ServerAccount, server_account
from storage.server_programs import ServerPrograms
from tests.hosts.network import Host, wait_until

__all__ = ["DEPLOY", "PASSWORD", "Server", "database_server"]

DEPLOY = Path(__file__).parents[2] / "deploy"
ROLE, DATABASE = "unim2", "unim2"
PASSWORD = "a pass'word \\ for the hosts"
SETTINGS = ("-c", "log_min_messages=warning", "-c", "shared_buffers=32MB")


class Server:
    """A running server."""

    def __init__(self, host: Host, folder: Path, password_file: Path) -> None:
        account = server_account()
        assert account is not None, "only root makes hosts"
        self.host, self.folder, self._account = host, folder, account
        #: File whose first line is the password.
        self.password_file = password_file
        #: As the other hosts give it.
        self.address = f"postgresql://{ROLE}@{host.name}/{DATABASE}"
        #: The same for a process that is on a host's network and knows no names.
        self.numeric_address = f"postgresql://{ROLE}@{host.address}/{DATABASE}"

    def answers(self) -> bool:
        try:
            self._connect().close()
        except psycopg2.OperationalError:
            return False
        return True

    def execute(self, statement: str) -> None:
        with contextlib.closing(self._connect()) as connection, connection.cursor() as cursor:
            cursor.execute(statement)

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows; none while the tables do not exist."""
        try:
            with contextlib.closing(self._connect()) as connection, connection.cursor() as cursor:
                cursor.execute(statement, values)
                return list(cursor.fetchall())
        except psycopg2.errors.UndefinedTable:
            return []

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def _connect(self) -> Any:
        os.seteuid(self._account.uid)
        try:
            connection = psycopg2.connect(
                host=str(self.folder / "pg"), user=_name(self._account), dbname=DATABASE
            )
        finally:
            os.seteuid(0)
        connection.autocommit = True
        return connection


@contextlib.contextmanager
def database_server(host: Host) -> Iterator[Server]:
    """A server on the host, with a role and an empty database."""
    account = server_account()
    assert account is not None, "only root makes hosts"
    # Not under tmp_path: the account that root's server runs under may not enter that.
    root = Path(tempfile.mkdtemp(prefix="umss-host-", dir="/tmp"))
    root.chmod(0o755)
    password_file = root / "password"
    password_file.write_text(PASSWORD + "\n")
    password_file.chmod(0o600)
    programs = ServerPrograms.find(EmbeddedFolder(root=root, account=account))
    environment = {
        "PATH": f"{programs.binaries}:{os.environ['PATH']}",
        "LC_ALL": "C",
        "POSTGRES_FOLDER": str(root / "pg"),
        "POSTGRES_HOST": host.address,
        "POSTGRES_ACCOUNT": _name(account),
        "PASSWORD_FILE": str(password_file),
    }
    try:
        with (root / "log").open("w") as log:
            host.start(
                [DEPLOY / "postgres.sh", *SETTINGS],
                folder=root, environment=environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        server = Server(host, root, password_file)
        wait_until(f"the database answers; see {root / 'log'}", server.answers, seconds=120)
        yield server
    finally:
        host.end()
        shutil.rmtree(root)


def _name(account: ServerAccount) -> str:
    return pwd.getpwuid(account.uid).pw_name
