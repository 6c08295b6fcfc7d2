"""The database's password and address stay in the driver's process."""

import contextlib
import json
import os
import pickle  # noqa: TID251 - as Ray pickles what it sends
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text
from typer.testing import CliRunner

from search.commands.app import app
from search.driver.parts import Parts
from storage.address import PASSWORD_VARIABLE, STORAGE_VARIABLE, parse_address
from storage.database import open_database
from tests.fakes.pool import InlinePool
from tests.fakes.scratch import scratch_root
from tests.tiny import tiny
from trainer.config.toml_records import toml_text

REPOSITORY = Path(__file__).parents[3]
TINY = toml_text(tiny(iterations=4, evaluations=2))


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="umss-", dir=scratch_root()))
    (made / "tiny.toml").write_text(TINY)
    yield made
    shutil.rmtree(made)


def launch(folder: Path) -> list[str]:
    places = {"cache": "cache", "checkpoints": "checkpoints", "config": "tiny.toml"}
    flags = [f"--{name}={folder / path}" for name, path in places.items()]
    return ["launch", "--trials=2", "--workers=1", "--device=cpu", "--plain", *flags]


def secrets_of(server: Any) -> list[str]:
    return [server.password, f"127.0.0.1:{server.port}", f"port={server.port}"]


def address_with_password(server: Any) -> str:
    address: str = server.address()
    return address.replace("owner@", f"owner:{server.password}@")


def stored(server: Any) -> str:
    """All rows of all tables as one text."""
    with (
        open_database(parse_address(server.address(), password=server.password)) as database,
        database.engine.connect() as connection,
    ):
        found = inspect(connection)
        return "\n".join(
            str(row)
            for schema in ("umss", "public")
            for name in found.get_table_names(schema)
            for row in connection.execute(text(f"SELECT t::text FROM {schema}.{name} t"))
        )


def written(folder: Path) -> bytes:
    """All files below a folder as one."""
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_no_record_file_or_output_of_a_search_has_them(
    password_server: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    @contextlib.contextmanager
    def workers(config: Any, options: Any, /, **others: Any) -> Iterator[InlinePool]:
        given.append((config, options, others))
        assert STORAGE_VARIABLE not in os.environ and PASSWORD_VARIABLE not in os.environ
        yield InlinePool(1)

    monkeypatch.setenv("UMSS_BOOKINGS", str(folder / "bookings"))
    monkeypatch.setenv(STORAGE_VARIABLE, address_with_password(password_server))
    monkeypatch.setenv(PASSWORD_VARIABLE, password_server.password)
    done = CliRunner().invoke(app, launch(folder), obj=Parts(open_workers=workers))
    assert done.exit_code == 0, done.output

    rows = stored(password_server)
    assert "rooms-1" in rows and "rooms-1" in done.output
    config, options, others = given[0]
    data = [value for value in others.values() if not callable(value)]
    for secret in secrets_of(password_server):
        assert secret.encode() not in pickle.dumps((config, options, data))
        assert secret.encode() not in written(folder)
        assert secret not in rows
    assert password_server.password not in done.output


@pytest.mark.cluster
@pytest.mark.long
@pytest.mark.timeout(900)
def test_no_process_of_ray_has_them(password_server: Any, folder: Path) -> None:
    control = secrets.token_hex(8)  # no secret: in the environment, which workers inherit
    looked_for = [*secrets_of(password_server), control]
    (folder / "secrets").write_text("\n".join(looked_for))
    environment = {
        **os.environ,
        STORAGE_VARIABLE: address_with_password(password_server),
        PASSWORD_VARIABLE: password_server.password,
        "UMSS_CONTROL": control,
        "OMP_NUM_THREADS": "1",
        "RAY_TMPDIR": str(folder / "ray"),
        "UMSS_BOOKINGS": str(folder / "bookings"),
    }
    (folder / "ray").mkdir()
    watch = ["tests.fakes.watched_search", str(folder / "secrets"), str(folder / "found")]
    done = subprocess.run(
        [sys.executable, "-m", *watch, *launch(folder)],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads((folder / "found").read_text())
    where = seen["found"].pop(control)
    assert any("environment" in place for place in where), "nothing was looked at"
    assert any("memory" in place for place in where), "nothing was looked at"
    assert all(found == [] for found in seen["found"].values()), seen
    assert seen["workers"] >= 1 and seen["orders"] >= 4 and seen["memory_bytes"] > 1e8
    assert Path(seen["session"]).is_dir()
    for ours in ("secrets", "found"):
        (folder / ours).unlink()
    output, rows = done.stdout + done.stderr, stored(password_server)
    for secret in secrets_of(password_server):
        assert secret.encode() not in written(folder)  # Ray's own logs are there, too
        assert secret not in rows
    assert password_server.password not in output
