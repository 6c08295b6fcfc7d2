"""The account that the embedded server runs under if this process runs as root.

PostgreSQL refuses to run as root. Root's embedded server therefore runs under its own account,
which needs access to the server's files; permissions of other folders are never changed.
"""

import os
import pwd
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.errors import EmbeddedError

__all__ = ["ServerAccount", "find_barrier", "server_account"]

ACCOUNT_NAME = "pgserver"
OTHER_WAYS = "run as an ordinary user, or give --storage postgresql://USER@HOST:PORT/NAME"


@dataclass(frozen=True, kw_only=True)
class ServerAccount:
    """An operating system account."""

    #: User id.
    uid: int
    #: Group id.
    gid: int

    def process_options(self) -> dict[str, Any]:
        """Arguments of :func:`subprocess.run` that make a program run under the account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_account() -> ServerAccount | None:
    """The account to run the server under; None unless this process runs as root.

    Raises:
        EmbeddedError: If the account does not exist and cannot be created.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(ACCOUNT_NAME)
    except KeyError:
        _make_account()
        entry = pwd.getpwnam(ACCOUNT_NAME)
    return ServerAccount(uid=entry.pw_uid, gid=entry.pw_gid)


def find_barrier(folder: Path, account: ServerAccount | None) -> Path | None:
    """The first of a folder's parents, or the folder itself, that the account may not enter.

    Args:
        folder: An absolute path; parts that do not exist yet are ignored.
        account: The account; None for one that owns nothing and is in no group.
    """
    for part in (*reversed(folder.parents), folder):
        try:
            status = part.stat()
        except FileNotFoundError:
            return None
        if not _may_enter(status, account):
            return part
    return None


def _may_enter(status: os.stat_result, account: ServerAccount | None) -> bool:
    if account is not None and status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if account is not None and status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _make_account() -> None:
    command = ["useradd", "--system", "--no-create-home", "--user-group"]
    try:
        subprocess.run(
            [*command, "--shell", "/usr/sbin/nologin", ACCOUNT_NAME],
            check=True,
            capture_output=True,
            text=True,
        )
    except FileNotFoundError as error:
        raise EmbeddedError(
            f"PostgreSQL does not run as root and useradd is missing: create the account"
            f" {ACCOUNT_NAME!r}, {OTHER_WAYS}"
        ) from error
    except subprocess.CalledProcessError as error:
        if "already exists" in error.stderr:  # another process has just created it
            return
        raise EmbeddedError(
            f"PostgreSQL does not run as root and the account {ACCOUNT_NAME!r} cannot be created"
            f" ({' '.join(error.stderr.split())}): create it, {OTHER_WAYS}"
        ) from error
