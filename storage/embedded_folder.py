"""The folder of an embedded server: its path, its permissions, and the folder of its socket.

It contains::

    data/            PostgreSQL's own files
    start.lock       locked while the server is being started or stopped
    users.lock       locked, shared, by every process that uses the server
    server.lock      locked by the server's processes: free means that none is running
    host             boot id of the machine on which the server was started
    server.log       the server's log
    programs-…/      a copy of PostgreSQL's programs, if the account cannot access the originals
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from storage.embedded_connection import PORT
from storage.errors import EmbeddedError
from storage.private_folder import make_folder, make_private
from storage.server_account import ServerAccount, find_barrier

__all__ = ["SOCKET_NAME", "EmbeddedFolder", "default_folder"]

#: Default for root, if the account that the server runs under cannot enter root's home folder.
SYSTEM_FOLDER = Path("/var/lib/unim2-search/postgres")
SOCKET_NAME = f".s.PGSQL.{PORT}"
#: Longest socket path in bytes that Linux (107) and macOS (103) both take.
LONGEST_SOCKET_PATH = 103
#: Where the socket's folder is created if the socket cannot be in the server's folder itself.
SHORT_PARENT = Path("/tmp")


def default_folder() -> Path:
    """The default folder, in the user's data folder."""
    folder = Path(platformdirs.user_data_dir("unim2-search")).resolve() / "postgres"
    if os.geteuid() == 0 and find_barrier(folder.parent, None) is not None:
        return SYSTEM_FOLDER
    return folder


@dataclass(frozen=True, kw_only=True)
class EmbeddedFolder:
    """Paths of one embedded server, and the account that owns them."""

    #: Absolute path without symbolic links, the same for every process.
    root: Path
    #: Account that the server runs under; None for the one of this process.
    account: ServerAccount | None

    @property
    def data(self) -> Path:
        """PostgreSQL's own files."""
        return self.root / "data"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.root / "server.log"

    def lock(self, name: str) -> Path:
        """The lock file ``start``, ``users`` or ``server``."""
        return self.root / f"{name}.lock"

    def prepare(self) -> None:
        """Create the folder if it is missing; refuse one that cannot be used.

        Existing folders keep their permissions.

        Raises:
            EmbeddedError: If it contains other files, cannot be created, or is not accessible to
                the server's account.
        """
        self._check_reachable()
        try:
            self._make()
        except OSError as error:
            raise EmbeddedError(
                f"cannot create the embedded server's folder {self.root}: {error.strerror};"
                " give --storage embedded:FOLDER with a writable folder"
            ) from error

    def socket_folder(self) -> Path:
        """The folder of the server's socket, private and with a path that libpq accepts.

        It depends only on the path of the root, so that all processes agree on it.

        Raises:
            EmbeddedError: If somebody else created the folder first.
        """
        fits = len(os.fsencode(self.root / SOCKET_NAME)) <= LONGEST_SOCKET_PATH
        if fits and "," not in str(self.root):  # libpq takes a comma for a list of hosts
            return self.root
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        folder = SHORT_PARENT / f"unim2-search-{digest}"
        if not make_private(folder, self.account):
            raise EmbeddedError(
                f"{folder} should be a private folder of the embedded server, but somebody else"
                " created it: remove it, or give --storage embedded:FOLDER with a shorter path"
            )
        return folder

    def _check_reachable(self) -> None:
        if self.account is None:
            return
        barrier = find_barrier(self.root.parent, self.account)
        if barrier is not None:
            raise EmbeddedError(
                f"the embedded server's folder {self.root} is below {barrier}, which only root"
                " may enter, and PostgreSQL does not run as root: give --storage embedded:FOLDER"
                f" with a folder outside (such as {SYSTEM_FOLDER}), or open it (chmod o+x"
                f" {barrier})"
            )

    def _make(self) -> None:
        for folder in reversed(self.root.parents):
            make_folder(folder, mode=0o755)
        made = make_folder(self.root, mode=0o700)
        if not made and not self.lock("start").exists() and any(self.root.iterdir()):
            raise EmbeddedError(
                f"{self.root} contains other files: give --storage embedded:FOLDER with a new or"
                " empty folder"
            )
        if self.account is not None:
            os.chown(self.root, self.account.uid, self.account.gid)
        self.root.chmod(0o700)
        self.lock("start").touch()
