"""The embedded server: shared by processes, killed, interrupted, and in unusual folders."""

import os
import signal
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from storage import embedded_folder as folder_module
from storage.address import parse_address, take_address
from storage.database import open_database
from storage.embedded import EmbeddedServer
from storage.errors import DatabaseUnreachable, EmbeddedError
from storage.file_lock import FileLock
from storage.server_programs import ServerPrograms
from tests.fakes.waiting import wait_until
from tests.integration.storage.conftest import Child

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs it as another account")

JOIN_AND_WAIT = """
import sys
from pathlib import Path
from storage.embedded import EmbeddedServer
server = EmbeddedServer.join(Path(sys.argv[1]))
print("joined", flush=True)
sys.stdin.readline()
server.leave()
print("left", flush=True)
sys.stdin.readline()
"""

WAIT_THROUGH_INTERRUPT = """
import signal, sys
from pathlib import Path
from storage.embedded import EmbeddedServer
signal.signal(signal.SIGINT, lambda *_: print("interrupted", flush=True))
server = EmbeddedServer.join(Path(sys.argv[1]))
print("joined", flush=True)
sys.stdin.readline()
"""


def postmaster_pid(root: Path) -> int:
    return int((root / "data/postmaster.pid").read_text().split()[0])


def server_lives(root: Path) -> bool:
    with FileLock(root / "server.lock") as lock:
        return not lock.try_exclusive()


def one(root: Path, query: str) -> object:
    with open_database(parse_address(f"embedded:{root}")) as database:
        with database.engine.connect() as connection:
            return connection.execute(text(query)).scalar_one()


def test_the_last_of_three_processes_stops_it(
    embedded_folder: Path, start_child: Callable[..., Child]
) -> None:
    children = [start_child(JOIN_AND_WAIT, str(embedded_folder)) for _ in range(3)]
    assert [child.line() for child in children] == ["joined"] * 3
    pid = postmaster_pid(embedded_folder)
    children[0].send(signal.SIGKILL)  # does not count from now on
    children[0].end()
    children[1].send_line()
    assert children[1].line() == "left"
    assert server_lives(embedded_folder)
    assert postmaster_pid(embedded_folder) == pid
    children[2].send_line()
    assert children[2].line() == "left"
    assert not server_lives(embedded_folder)


def test_a_server_whose_only_user_was_killed_is_joined_and_stopped(
    embedded_folder: Path, start_child: Callable[..., Child]
) -> None:
    child = start_child(JOIN_AND_WAIT, str(embedded_folder))
    assert child.line() == "joined"
    pid = postmaster_pid(embedded_folder)
    child.send(signal.SIGKILL)
    child.end()
    server = EmbeddedServer.join(embedded_folder)
    assert postmaster_pid(embedded_folder) == pid
    server.leave()
    assert not server_lives(embedded_folder)


def test_two_users_in_one_process_both_count(embedded_folder: Path) -> None:
    first, second = EmbeddedServer.join(embedded_folder), EmbeddedServer.join(embedded_folder)
    first.leave()
    first.leave()  # once is enough, twice does not count for the other
    assert server_lives(embedded_folder)
    second.leave()
    assert not server_lives(embedded_folder)


def test_who_leaves_waits_until_no_process_of_the_server_is_left(
    embedded_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = EmbeddedServer.join(embedded_folder)
    run = ServerPrograms.run

    def stop_slowly(*arguments: Any, **options: Any) -> object:
        outcome = run(*arguments, **options)
        last_process = FileLock(embedded_folder / "server.lock")
        wait_until(last_process.try_exclusive)
        threading.Timer(0.5, last_process.close).start()
        return outcome

    monkeypatch.setattr(ServerPrograms, "run", stop_slowly)
    server.leave()
    assert not server_lives(embedded_folder)


def test_a_killed_server_is_started_again_and_keeps_committed_data(
    embedded_folder: Path,
) -> None:
    with open_database(parse_address(f"embedded:{embedded_folder}")) as database:
        with database.engine.begin() as connection:
            connection.execute(text("CREATE TABLE kept AS SELECT 7 AS number"))
        pid = postmaster_pid(embedded_folder)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not server_lives(embedded_folder))
        with pytest.raises(DatabaseUnreachable), database.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        database.revive()
        with database.engine.connect() as connection:
            assert connection.execute(text("SELECT number FROM kept")).scalar_one() == 7
        assert postmaster_pid(embedded_folder) != pid
        database.revive()  # nothing to do
    assert not server_lives(embedded_folder)


def test_a_process_number_reused_by_another_program_is_not_a_server(
    embedded_folder: Path, start_child: Callable[..., Child]
) -> None:
    with open_database(parse_address(f"embedded:{embedded_folder}")) as database:
        pid_file = embedded_folder / "data/postmaster.pid"
        lines = pid_file.read_text().splitlines()
        os.kill(int(lines[0]), signal.SIGKILL)
        wait_until(lambda: not server_lives(embedded_folder))
        # A program of the account that the server runs under, as PostgreSQL itself checks.
        other = start_child(
            "import os, sys; os.setuid(int(sys.argv[1])); print(0, flush=True);"
            " sys.stdin.readline()",
            str(pid_file.stat().st_uid),
        )
        assert other.line() == "0"
        pid_file.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
        database.revive()
        assert postmaster_pid(embedded_folder) != other.pid
        with database.engine.connect() as connection:
            assert connection.execute(text("SELECT 1")).scalar_one() == 1


def test_a_truncated_process_number_file_is_not_a_server(embedded_folder: Path) -> None:
    EmbeddedServer.join(embedded_folder).leave()
    (embedded_folder / "data/postmaster.pid").write_text("")
    EmbeddedServer.join(embedded_folder).leave()


def test_an_interrupt_at_the_terminal_does_not_reach_it(
    embedded_folder: Path, start_child: Callable[..., Child]
) -> None:
    child = start_child(WAIT_THROUGH_INTERRUPT, str(embedded_folder))
    assert child.line() == "joined"
    pid = postmaster_pid(embedded_folder)
    os.killpg(child.pid, signal.SIGINT)  # the child leads a session, as a shell's job would
    assert child.line() == "interrupted"
    assert one(embedded_folder, "SELECT 1") == 1
    assert postmaster_pid(embedded_folder) == pid


def test_a_path_too_long_for_a_socket_works(embedded_folder: Path) -> None:
    root = embedded_folder / ("long-" * 30) / "deep"
    server = EmbeddedServer.join(root)
    assert len(os.fsencode(server.socket_folder)) < 90
    assert stat.S_IMODE(server.socket_folder.stat().st_mode) == 0o700
    assert one(root, "SELECT 1") == 1
    server.leave()
    assert not server.socket_folder.exists()


def test_a_short_socket_folder_of_another_user_is_refused(embedded_folder: Path) -> None:
    root = embedded_folder / ("long-" * 30)
    folder = folder_module.EmbeddedFolder(root=root, account=None).socket_folder()
    folder.chmod(0o777)
    with pytest.raises(EmbeddedError, match="somebody else created it"):
        EmbeddedServer.join(root)
    folder.rmdir()


def test_odd_characters_in_the_path_work(embedded_folder: Path) -> None:
    root = embedded_folder / "a b$c\"d'e,f"
    assert one(root, "SELECT 1") == 1


def test_writes_are_durable(embedded_folder: Path) -> None:
    assert one(embedded_folder, "SHOW fsync") == "on"
    assert one(embedded_folder, "SHOW synchronous_commit") == "on"


def test_permissions_of_parents_stay(embedded_folder: Path) -> None:
    parent = embedded_folder.parent
    EmbeddedServer.join(embedded_folder).leave()
    assert stat.S_IMODE(parent.stat().st_mode) == 0o711
    assert stat.S_IMODE(embedded_folder.stat().st_mode) == 0o700


@ROOT_ONLY
def test_a_private_parent_is_refused_and_stays_private(embedded_folder: Path) -> None:
    parent = embedded_folder.parent
    parent.chmod(0o700)
    with pytest.raises(EmbeddedError, match=f"is below {parent}, which only root may enter"):
        EmbeddedServer.join(embedded_folder)
    assert stat.S_IMODE(parent.stat().st_mode) == 0o700
    assert not embedded_folder.exists()


@ROOT_ONLY
def test_installed_programs_out_of_reach_are_copied(
    embedded_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import storage.server_programs as programs

    site = programs._installed_site()
    private = tmp_path / "site"  # pytest's own folders are closed to others
    private.symlink_to(site)
    monkeypatch.setattr(programs, "_installed_site", lambda: private)
    monkeypatch.setattr(programs, "find_barrier", lambda folder, account: tmp_path)
    server = EmbeddedServer.join(embedded_folder)
    assert server.programs.binaries.is_relative_to(embedded_folder)
    assert one(embedded_folder, "SELECT 1") == 1
    server.leave()


def test_a_folder_with_other_files_is_refused(embedded_folder: Path) -> None:
    embedded_folder.mkdir()
    (embedded_folder / "thesis.tex").write_text("")
    with pytest.raises(EmbeddedError, match="contains other files"):
        EmbeddedServer.join(embedded_folder)


def test_a_file_in_place_of_the_folder_is_refused(embedded_folder: Path) -> None:
    embedded_folder.write_text("")
    with pytest.raises(EmbeddedError, match="give --storage embedded:FOLDER"):
        EmbeddedServer.join(embedded_folder)


def test_data_of_another_version_is_refused(embedded_folder: Path) -> None:
    EmbeddedServer.join(embedded_folder).leave()
    (embedded_folder / "data/PG_VERSION").write_text("16\n")
    with pytest.raises(EmbeddedError, match="created by PostgreSQL 16, but"):
        EmbeddedServer.join(embedded_folder)


def test_a_server_on_another_machine_is_refused(embedded_folder: Path) -> None:
    server = EmbeddedServer.join(embedded_folder)
    (embedded_folder / "host").write_text("another-boot-id")
    # The server is behind a socket that this machine cannot reach.
    (embedded_folder / ".s.PGSQL.5432").rename(embedded_folder / "away")
    with pytest.raises(EmbeddedError, match="runs on another machine"):
        EmbeddedServer.join(embedded_folder)
    (embedded_folder / "away").rename(embedded_folder / ".s.PGSQL.5432")
    server.leave()


def test_an_interrupted_initialisation_is_started_again(embedded_folder: Path) -> None:
    EmbeddedServer.join(embedded_folder).leave()
    (embedded_folder / "data").rename(embedded_folder / "data.new")
    assert one(embedded_folder, "SELECT 1") == 1
    assert not (embedded_folder / "data.new").exists()


OTHER_SERVER = {
    "PGPORT": "5433",
    "PGHOST": "elsewhere.example",
    "PGHOSTADDR": "127.0.0.1",
    "PGDATABASE": "other",
    "PGUSER": "other",
    "PGOPTIONS": "-c statement_timeout=1ms",
    "PGCLIENTENCODING": "LATIN1",
    "PGTARGETSESSIONATTRS": "standby",
    "PGSSLMODE": "verify-full",
    "PGGSSENCMODE": "require",
    "PGCHANNELBINDING": "require",
    "PGREQUIREAUTH": "scram-sha-256",
    "PGREQUIREPEER": "nobody",
    "PGDATESTYLE": "German",
    "PGSERVICE": "undefined",
    "PGSSLNEGOTIATION": "direct",
}


@pytest.mark.parametrize("name", [*OTHER_SERVER, "all"])
def test_variables_for_another_server_change_nothing(
    name: str, embedded_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in OTHER_SERVER.items():
        if name in (variable, "all"):
            monkeypatch.setenv(variable, value)
    with open_database(take_address(f"embedded:{embedded_root}", os.environ)) as database:
        with database.engine.connect() as connection:
            assert connection.execute(text("SELECT 'é→'")).scalar_one() == "é→"
            assert connection.execute(text("SELECT current_user")).scalar_one() == "postgres"
            timeout = connection.execute(text("SHOW statement_timeout")).scalar_one()
            assert timeout == "0"
