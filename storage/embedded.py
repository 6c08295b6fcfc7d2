"""The embedded server: a real PostgreSQL in a folder, shared by the processes that use it.

Every process that uses it holds a shared lock, which the kernel releases when the process ends in
any way; the last one to leave stops the server. The server's own processes hold another lock,
inherited from the process that started them. While it is held, at least one of them is running;
when it is free, none is, whatever process number a file contains.

If the only process that uses the server is killed, the server keeps running. The next process uses
it, and stops it when it leaves.
"""

import contextlib
import os
import shlex
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from storage.embedded_connection import PORT
from storage.embedded_folder import SOCKET_NAME, EmbeddedFolder
from storage.errors import EmbeddedError
from storage.file_lock import FileLock
from storage.process_identity import boot_id
from storage.server_account import server_account
from storage.server_programs import SERVER_MAJOR, ServerPrograms

__all__ = ["EmbeddedServer"]

START_SECONDS = 120.0  # longest wait for a start, including recovery after a crash
STOP_SECONDS = 60.0
POLL_SECONDS = 0.05
LONGEST_LOG = 10_000_000  # bytes; a longer log is deleted at the next start

#: Settings of a small local database; it is durable, since fsync and synchronous_commit stay on.
SETTINGS = {
    "listen_addresses": "",
    "port": PORT,
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "log_min_messages": "warning",
    "log_timezone": "UTC",
    "timezone": "UTC",
}
WHO = ("-U", "postgres", "-d", "postgres")
#: The folder's permissions keep other accounts out, so no password is necessary.
INITIALISE = (
    "--username=postgres",
    "--auth=trust",
    "--encoding=UTF8",
    "--no-locale",
    "--no-instructions",
)
#: Messages of the C library for a full disk or an exceeded quota.
FULL = ("No space left on device", "Disk quota exceeded")


class EmbeddedServer:
    """This process's use of an embedded server; several may be open at once.

    Do not fork while one is open: the child would count as another user until it ends.
    """

    def __init__(self, folder: EmbeddedFolder, programs: ServerPrograms) -> None:
        self.folder = folder
        self.programs = programs
        #: Folder of the socket, which libpq takes as the host.
        self.socket_folder = folder.socket_folder()
        self._use = FileLock(folder.lock("users"))

    @classmethod
    def join(cls, root: Path) -> "EmbeddedServer":
        """Use the server in a folder; start it if it is not running.

        Raises:
            EmbeddedError: If the folder cannot be used, or the server does not start.
        """
        folder = EmbeddedFolder(root=root.resolve(), account=server_account())
        folder.prepare()
        with _starting_or_stopping(folder):
            server = cls(folder, ServerPrograms.find(folder))
            try:
                server._ensure_running()
                if not server._use.try_shared():
                    raise EmbeddedError(f"another program has locked {server._use.path}: end it")
            except BaseException:
                server._use.close()
                raise
        return server

    def ensure_running(self) -> None:
        """Restart the server if it died; fast if it is running.

        Raises:
            EmbeddedError: If it does not start.
        """
        with _starting_or_stopping(self.folder):
            self._ensure_running()

    def leave(self) -> None:
        """Stop using the server; shut it down if nobody else uses it. Safe to call twice.

        Raises:
            EmbeddedError: If it does not stop.
        """
        if self._use.descriptor < 0:
            return
        with _starting_or_stopping(self.folder):
            self._use.close()
            with FileLock(self.folder.lock("users")) as others:
                if others.try_exclusive():
                    self._stop()

    def _ensure_running(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        with FileLock(self.folder.lock("server")) as server_lock:
            while not server_lock.try_exclusive():
                if self._answers():
                    return
                self._check_here()
                if time.monotonic() > deadline:
                    raise EmbeddedError(
                        f"the embedded server in {self.folder.root} has not answered for"
                        f" {START_SECONDS:g} s: see {self.folder.log}, end it, and try again"
                    )
                time.sleep(POLL_SECONDS)
            self._start(server_lock)

    def _start(self, server_lock: FileLock) -> None:
        self._check_version()
        if not self.folder.data.exists():
            self._initialise()
        self._clear_stale_pid()
        if self.folder.log.exists() and self.folder.log.stat().st_size > LONGEST_LOG:
            self.folder.log.unlink()
        self.folder.socket_folder()  # created again if somebody deleted it
        (self.folder.root / "host").write_text(boot_id(), encoding="ascii")
        settings = {**SETTINGS, "unix_socket_directories": _guc_list_item(self.socket_folder)}
        options = " ".join(
            f"-c {shlex.quote(f'{key}={value}')}" for key, value in settings.items()
        )
        outcome = self.programs.run(
            "pg_ctl",
            ["start", *_waiting(START_SECONDS), "-l", self.folder.log.name, "-o", options],
            inherit=[server_lock.descriptor],
            seconds=START_SECONDS + 10,
        )
        if outcome.returncode != 0 or not self._answers():
            raise EmbeddedError(
                f"the embedded server in {self.folder.root} does not start:"
                f" {self._last_words()}; see {self.folder.log}"
            )

    def _stop(self) -> None:
        outcome = self.programs.run(
            "pg_ctl",
            ["stop", *_waiting(STOP_SECONDS), "-m", "fast"],
            seconds=STOP_SECONDS + 10,
        )
        if outcome.returncode != 0 and self._answers():
            raise EmbeddedError(
                f"the embedded server in {self.folder.root} does not stop:"
                f" {self._last_words()}; see {self.folder.log}"
            )
        # pg_ctl waits until the file with the process number is gone, which the server removes
        # before it ends.
        with FileLock(self.folder.lock("server")) as server_lock:
            server_lock.wait_exclusive(seconds=STOP_SECONDS)
        if self.socket_folder != self.folder.root:
            with contextlib.suppress(OSError):
                self.socket_folder.rmdir()

    def _initialise(self) -> None:
        """Create the database cluster completely or not at all."""
        for left in self.folder.root.glob("data.new*"):
            shutil.rmtree(left)
        partial = self.folder.root / "data.new"
        outcome = self.programs.run(
            "initdb",
            [*INITIALISE, "-D", partial.name],
            seconds=START_SECONDS,
            named=True,
        )
        if outcome.returncode != 0:
            full = any(sign in outcome.stderr for sign in FULL)
            raise EmbeddedError(
                f"cannot create the embedded database in {self.folder.root}:"
                f" {' '.join(outcome.stderr.split())}; {'free some space, or ' * full}give"
                " --storage embedded:FOLDER with another folder, or a server (--storage"
                " postgresql://USER@HOST:PORT/NAME)"
            )
        partial.rename(self.folder.data)

    def _check_version(self) -> None:
        version_file = self.folder.data / "PG_VERSION"
        if not version_file.exists():
            return
        version = version_file.read_text(encoding="ascii").strip()
        if version != str(SERVER_MAJOR):
            raise EmbeddedError(
                f"{self.folder.data} was created by PostgreSQL {version}, but {SERVER_MAJOR} is"
                " installed: give --storage embedded:FOLDER with another folder,"
                " or install the package version that created it"
            )

    def _clear_stale_pid(self) -> None:
        """Remove the files with the process number of a server that has died.

        PostgreSQL itself removes them if no process has the number, but not if another program
        has it now, or if the dead server is still a zombie. The lock has already shown that no
        server started by this program is running; this method checks for one started by hand.
        """
        pid_file = self.folder.data / "postmaster.pid"
        with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
            pid = int(pid_file.read_text(encoding="utf-8").split(maxsplit=1)[0])
            if _works_in(pid, self.folder.data):
                raise EmbeddedError(
                    f"a server that this program did not start (pid {pid}) is running on"
                    f" {self.folder.data}: stop it (pg_ctl stop), and try again"
                )
        pid_file.unlink(missing_ok=True)
        (self.socket_folder / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)

    def _check_here(self) -> None:
        """Refuse a server that is running on another machine, over a shared file system."""
        with contextlib.suppress(FileNotFoundError):
            host = (self.folder.root / "host").read_text(encoding="ascii")
            if host and host != boot_id():
                raise EmbeddedError(
                    f"the embedded server in {self.folder.root} runs on another machine: give a"
                    " folder on a local disk, or a server for all (--storage"
                    " postgresql://USER@HOST:PORT/NAME)"
                )

    def _answers(self) -> bool:
        """Whether the server accepts connections now."""
        outcome = self.programs.run(
            "pg_isready",
            # with a user name, since libpq would otherwise need the account's name
            ["-q", "-t", "3", "-h", str(self.socket_folder), "-p", PORT, *WHO],
            seconds=30,
        )
        return outcome.returncode == 0

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            lines = self.folder.log.read_text(encoding="utf-8", errors="replace").splitlines()
            errors = [line for line in lines if "FATAL" in line or "PANIC" in line]
            return (errors or lines or [""])[-1]
        return "there is no log"


@contextlib.contextmanager
def _starting_or_stopping(folder: EmbeddedFolder) -> Iterator[None]:
    with FileLock(folder.lock("start")) as lock:
        lock.wait_exclusive(seconds=START_SECONDS + STOP_SECONDS)
        yield


def _waiting(seconds: float) -> tuple[str, ...]:
    return ("-D", "data", "-w", "-t", f"{seconds:.0f}")


def _works_in(pid: int, data: Path) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/cwd") == str(data)
    except OSError:
        return False


def _guc_list_item(folder: Path) -> str:
    """A folder as an item of ``unix_socket_directories``, whatever characters it contains."""
    return '"' + str(folder).replace('"', '""') + '"'
