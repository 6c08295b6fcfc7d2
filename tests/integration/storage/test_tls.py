"""TLS to PostgreSQL: the settings in an address apply to every connection."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from storage.address import parse_address
from storage.database import open_database
from storage.errors import ConnectError
from storage.optuna_store import open_optuna

ONE_LINE = r"\A[^\n]*\Z"
IS_ENCRYPTED = text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")


@pytest.fixture
def server(password_server: Any) -> Any:
    if password_server.certificate is None:
        pytest.skip("no openssl to make a certificate with")
    return password_server


def opened(server: Any, parameters: str, **options: str) -> Any:
    address = f"{server.address(**options)}?{parameters}"
    return open_database(parse_address(address, password=server.password))


def is_encrypted(engine: Engine) -> bool:
    with engine.connect() as connection:
        return bool(connection.execute(IS_ENCRYPTED).scalar_one())


def refused(server: Any, parameters: str, **options: str) -> str:
    with pytest.raises(ConnectError, match=ONE_LINE) as caught:
        opened(server, parameters, **options)
    assert server.password not in str(caught.value)
    return str(caught.value)


def test_every_connection_is_encrypted_and_the_server_is_verified(server: Any) -> None:
    with opened(server, f"sslmode=verify-full&sslrootcert={server.certificate}") as database:
        storage = open_optuna(database)
        lease = database.make_engine(name="lease")
        for engine in (database.engine, storage.engine, lease):
            assert is_encrypted(engine)
            engine.dispose()


def test_without_encryption_if_the_address_allows_it(server: Any) -> None:
    with opened(server, "sslmode=disable") as database:
        assert not is_encrypted(database.engine)


def test_a_server_that_another_authority_vouches_for_is_refused(
    server: Any, tmp_path: Path
) -> None:
    other = tmp_path / "other.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=other", "-keyout", str(tmp_path / "other.key"),
         "-out", str(other)],
        check=True,
        capture_output=True,
    )  # fmt: skip
    message = refused(server, f"sslmode=verify-ca&sslrootcert={other}")
    assert "certificate verify failed" in message and "give sslrootcert=FILE" in message
    message = refused(server, f"sslmode=verify-ca&sslrootcert={tmp_path / 'none'}")
    assert "check the path that sslrootcert gives" in message


def test_a_server_under_another_name_is_refused(server: Any) -> None:
    parameters = f"sslmode=verify-full&sslrootcert={server.certificate}"
    message = refused(server, parameters, host="localhost")
    assert (
        "does not match host name" in message and "the name in the server's certificate" in message
    )


@pytest.fixture
def without_tls(server: Any) -> Iterator[Any]:
    """The server with TLS switched off for the block."""
    with opened(server, "sslmode=disable") as database:
        engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")

        def switch(statement: str, setting: str) -> None:
            with engine.connect() as connection:
                connection.exec_driver_sql(statement)
                connection.exec_driver_sql("SELECT pg_reload_conf()")
                while connection.exec_driver_sql("SHOW ssl").scalar_one() != setting:
                    time.sleep(0.05)  # it is heard of asynchronously

        switch("ALTER SYSTEM SET ssl = off", "off")
        yield server
        switch("ALTER SYSTEM RESET ssl", "on")


def test_a_server_without_tls_is_refused_if_tls_is_required(without_tls: Any) -> None:
    message = refused(without_tls, "sslmode=require")
    assert "does not support SSL" in message and "switch TLS on" in message
