"""A real PostgreSQL for every integration test: one server a session, one database a test.

And another that wants passwords, and speaks TLS; with PgBouncer before it where that is installed.
"""

import itertools
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from storage.address import parse_address
from storage.database import Database, open_database
from storage.embedded import EmbeddedServer
from storage.optuna_store import open_optuna
from tests.fakes.scratch import scratch_root
from tests.fakes.server_settings import spare_the_disk

TEMPLATE = "umss_template"
DEBIAN_PROGRAMS = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture(scope="session")
def embedded_root() -> Iterator[Path]:
    """Folder of a running embedded server: ``--storage embedded:ROOT`` joins it."""
    # Not under tmp_path: the account that root's server runs under may not enter that.
    root = Path(tempfile.mkdtemp(prefix="umss-", dir=scratch_root()))
    server = EmbeddedServer.join(root)
    yield root
    server.leave()
    shutil.rmtree(root)


@pytest.fixture(scope="session")
def _template(embedded_root: Path) -> Iterator[Database]:
    with open_database(parse_address(f"embedded:{embedded_root}")) as server:
        spare_the_disk(server)
        run_alone(server, f"CREATE DATABASE {TEMPLATE}")
        with open_database(parse_address(_address(embedded_root, TEMPLATE))) as template:
            open_optuna(template).engine.dispose()
        yield server


_numbers = itertools.count()


@pytest.fixture
def empty_database_address(_template: Database, embedded_root: Path) -> Iterator[str]:
    """Address of a database of the test's own in which there are no tables yet."""
    yield from _fresh(_template, embedded_root, template="template0")


@pytest.fixture
def database_address(_template: Database, embedded_root: Path) -> Iterator[str]:
    """Address of a database of the test's own, with all tables and nothing in them."""
    yield from _fresh(_template, embedded_root, template=TEMPLATE)


@pytest.fixture
def database(database_address: str) -> Iterator[Database]:
    """An open database of the test's own."""
    with open_database(parse_address(database_address)) as opened:
        yield opened


def _fresh(server: Database, root: Path, *, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    run_alone(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    yield _address(root, name)
    run_alone(server, f"DROP DATABASE {name} WITH (FORCE)")


def _address(root: Path, name: str) -> str:
    return f"postgresql://postgres@/{name}?host={root}"


def run_alone(server: Database, statement: str) -> None:
    """Run a statement outside of transactions, as PostgreSQL wants some."""
    with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))


@dataclass(frozen=True, kw_only=True)
class PasswordServer:
    """A PostgreSQL on TCP whose only role needs a password."""

    port: int
    password: str
    #: Certificate for 127.0.0.1, signed by itself; None where there is no openssl to make it.
    certificate: Path | None

    def address(
        self, database: str = "postgres", user: str = "owner", host: str = "127.0.0.1"
    ) -> str:
        return f"postgresql://{user}@{host}:{self.port}/{database}"


@pytest.fixture(scope="session")
def password_server() -> Iterator[PasswordServer]:
    """A server of Debian's, on a TCP port, with SCRAM passwords."""
    if not (DEBIAN_PROGRAMS / "initdb").exists():
        pytest.skip(f"no PostgreSQL 15 in {DEBIAN_PROGRAMS} to test passwords over TCP with")
    # Root must start it as another user, who is made with Debian's package.
    account: dict[str, Any] = {"user": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="umss-tcp-", dir=scratch_root()))
    if account:
        shutil.chown(folder, user="postgres")
    server = PasswordServer(
        port=_free_port(), password=secrets.token_hex(8), certificate=_make_certificate(folder)
    )

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [str(DEBIAN_PROGRAMS / program), "-D", "data", *arguments],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **account,
        )

    (folder / "password").write_text(server.password)
    (folder / "password").chmod(0o644)
    run("initdb", "-U", "owner", "-A", "scram-sha-256", "--pwfile", "password", "--no-sync")
    if server.certificate is not None:
        with (folder / "data" / "postgresql.conf").open("a") as settings:
            settings.write("ssl = on\nssl_cert_file = '../server.crt'\n")
            settings.write("ssl_key_file = '../server.key'\n")
    options = f"-p {server.port} -h 127.0.0.1 -k {folder} -c fsync=off"
    run("pg_ctl", "start", "-w", "-l", "log", "-o", options)
    yield server
    run("pg_ctl", "stop", "-w", "-m", "immediate")
    shutil.rmtree(folder)


@dataclass(frozen=True, kw_only=True)
class OwnedDatabase:
    """A database on TCP, whose owner is no superuser."""

    name: str
    owner: str
    #: Port of the server.
    port: int
    #: A .pgpass with the owner's password.
    passfile: Path
    #: Opened by a superuser.
    superuser: Database

    def address(self, parameters: str = "", *, port: int | None = None) -> str:
        """Its address for the owner, without a password; the parameters begin with an &."""
        place = f"127.0.0.1:{port or self.port}/{self.name}"
        return f"postgresql://{self.owner}@{place}?passfile={self.passfile}{parameters}"

    def execute(self, *statements: str) -> None:
        """Execute statements as the superuser."""
        engine = self.superuser.engine.execution_options(isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)


ROLES_OF = text("SELECT rolname FROM pg_roles WHERE rolname LIKE :name")


@pytest.fixture
def owned_database(password_server: PasswordServer, tmp_path: Path) -> Iterator[OwnedDatabase]:
    """A database of the test's own and its owner, who may make roles."""
    name = f"owned_{next(_numbers)}"
    passfile = tmp_path / "pgpass"
    passfile.write_text(f"*:*:*:*:{password_server.password}\n")
    passfile.chmod(0o600)
    address = parse_address(password_server.address(), password=password_server.password)
    with open_database(address) as superuser:
        database = OwnedDatabase(
            name=name,
            owner=name,
            port=password_server.port,
            passfile=passfile,
            superuser=superuser,
        )
        database.execute(
            f"CREATE ROLE {name} LOGIN CREATEROLE PASSWORD '{password_server.password}'",
            f"CREATE DATABASE {name} OWNER {name}",
        )
        yield database
        database.execute(f"DROP DATABASE {name} WITH (FORCE)")
        with superuser.engine.connect() as connection:  # those that the test made have its name
            found = connection.execute(ROLES_OF, {"name": f"{name}%"}).scalars().all()
        database.execute(*(f"DROP ROLE {role}" for role in found))


@pytest.fixture
def start_pooler(owned_database: OwnedDatabase) -> Iterator[Callable[[str], int]]:
    """Start PgBouncer before the test's server, in a mode; gives its port."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("no pgbouncer to pool connections with (Debian's package pgbouncer)")
    folder = Path(tempfile.mkdtemp(prefix="umss-pool-", dir=scratch_root()))
    account: dict[str, Any] = {"user": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    password = owned_database.passfile.read_text().strip().rpartition(":")[2]
    (folder / "users").write_text(f'"{owned_database.owner}" "{password}"\n')
    processes: list[subprocess.Popen[bytes]] = []

    def start(mode: str) -> int:
        port = _free_port()
        (folder / "ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={owned_database.port}\n[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = plain\nauth_file = {folder / 'users'}\npool_mode = {mode}\n"
        )
        for path in (folder, *folder.iterdir()):
            path.chmod(0o755 if path.is_dir() else 0o644)
        processes.append(
            subprocess.Popen([program, "-q", str(folder / "ini")], cwd=folder, **account)
        )
        _wait_until_open(port)
        return port

    yield start
    for process in processes:
        process.terminate()
        process.wait(timeout=30)
    shutil.rmtree(folder)


def _wait_until_open(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def _make_certificate(folder: Path) -> Path | None:
    """A certificate and its key beside it, readable for the server's account."""
    if shutil.which("openssl") is None:
        return None
    key, certificate = folder / "server.key", folder / "server.crt"
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", *names, "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )  # fmt: skip
    key.chmod(0o600)
    if os.geteuid() == 0:
        shutil.chown(key, user="postgres")
    folder.chmod(0o711)
    return certificate


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
