"""A real PostgreSQL for every integration test: one server a session, one database a test.

And another that wants passwords, and speaks TLS.
"""

import itertools
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text

from storage.address import parse_address
from storage.database import Database, open_database
from storage.embedded import EmbeddedServer
from storage.optuna_store import open_optuna

TEMPLATE = "umss_template"
DEBIAN_PROGRAMS = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture(scope="session")
def embedded_root() -> Iterator[Path]:
    """Folder of a running embedded server: ``--storage embedded:ROOT`` joins it."""
    # Not under tmp_path: the account that root's server runs under may not enter that.
    root = Path(tempfile.mkdtemp(prefix="umss-", dir="/tmp"))
    server = EmbeddedServer.join(root)
    yield root
    server.leave()
    shutil.rmtree(root)


@pytest.fixture(scope="session")
def _template(embedded_root: Path) -> Iterator[Database]:
    with open_database(parse_address(f"embedded:{embedded_root}")) as server:
        _run(server, f"CREATE DATABASE {TEMPLATE}")
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
    _run(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _address(root, name)
    _run(server, f"DROP DATABASE {name} WITH (FORCE)")


def _address(root: Path, name: str) -> str:
    return f"postgresql://postgres@/{name}?host={root}"


def _run(server: Database, statement: str) -> None:
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
    account = {"user": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="umss-tcp-", dir="/tmp"))
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
    options = f"-p {server.port} -h 127.0.0.1 -k {folder}"
    run("pg_ctl", "start", "-w", "-l", "log", "-o", options)
    yield server
    run("pg_ctl", "stop", "-w", "-m", "immediate")
    shutil.rmtree(folder)


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
