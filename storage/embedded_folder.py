"""The folder of an embedded server: where it is, who may enter it, where its socket lies.

What it holds::

    data/            PostgreSQL's own files
    start.lock       held while the server is being started or stopped
    users.lock       held, shared, by every process that uses the server
    server.lock      held by the server's processes: free means that all of them are gone
    host             boot id of the machine that the server was started on
    server.log       what the server says
    programs-…/      a copy of PostgreSQL's programs, where the installed ones are out of reach
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from storage.errors import EmbeddedError
from storage.private_folder import make_folder, make_private
from storage.server_account import ServerAccount, find_barrier

__all__ = ["SOCKET_NAME", "EmbeddedFolder", "default_folder"]

#: Root's, where root's home is closed to the account that the server runs under.
SYSTEM_FOLDER = Path("/var/lib/unim2-search/postgres")
SOCKET_NAME = ".s.PGSQL.5432"
#: Longest socket path in bytes that Linux (107) and macOS (103) both take.
LONGEST_SOCKET_PATH = 103
#: Where the socket lies when it cannot lie in the folder itself.
SHORT_PARENT = Path("/tmp")


def default_folder() -> Path:
    """The folder used when none is named: in the user's data folder."""
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
        """What the server says."""
        return self.root / "server.log"

    def lock(self, name: str) -> Path:
        """The file of the lock ``start``, ``users`` or ``server``."""
        return self.root / f"{name}.lock"

    def prepare(self) -> None:
        """Make the folder if it is missing; refuse one that cannot be used.

        Raises:
            EmbeddedError: If it holds something else, cannot be made, or the server's account
                cannot reach it. Folders that were there before keep their permissions.
        """
        self._check_reachable()
        try:
            self._make()
        except OSError as error:
            raise EmbeddedError(
                f"cannot make the embedded server's folder {self.root}: {error.strerror};"
                " give --storage embedded:FOLDER with a folder that can be written"
            ) from error

    def socket_folder(self) -> Path:
        """The folder of the server's socket: a path libpq takes, closed to other accounts.

        Depends on nothing but the root's path, so that all processes agree on it.

        Raises:
            EmbeddedError: If somebody else made the folder first.
        """
        fits = len(os.fsencode(self.root / SOCKET_NAME)) <= LONGEST_SOCKET_PATH
        if fits and "," not in str(self.root):  # libpq takes a comma for a list of hosts
            return self.root
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        folder = SHORT_PARENT / f"unim2-search-{digest}"
        if not make_private(folder, self.account):
            raise EmbeddedError(
                f"{folder} should be a folder of the embedded server's that nobody else may enter,"
                " but somebody else made it: remove it, or give --storage embedded:FOLDER with a"
                " shorter path"
            )
        return folder

    def _check_reachable(self) -> None:
        if self.account is None:
            return
        barrier = find_barrier(self.root.parent, self.account)
        if barrier is not None:
            raise EmbeddedError(
                f"the embedded server's folder {self.root} lies under {barrier}, which only root"
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
                f"{self.root} holds other files: give --storage embedded:FOLDER with a new or an"
                " empty folder"
            )
        if self.account is not None:
            os.chown(self.root, self.account.uid, self.account.gid)
        self.root.chmod(0o700)
        self.lock("start").touch()
