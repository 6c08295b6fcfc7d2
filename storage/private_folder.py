"""Folders that only their owner may enter, with short paths, mainly for sockets.

The path of a Unix socket is limited to about a hundred bytes, which the paths of users' own
folders may exceed.
"""

import os
import stat
from pathlib import Path

from storage.server_account import ServerAccount

__all__ = ["make_folder", "make_private"]


def make_folder(folder: Path, *, mode: int) -> bool:
    """Create a folder unless it exists; returns whether it was created.

    Raises:
        OSError: If it cannot be created.
    """
    try:
        folder.mkdir(mode=mode)
    except FileExistsError:
        return False
    if os.geteuid() == 0:
        folder.chmod(mode)  # independent of the umask: the server's account must have access
    return True


def make_private(folder: Path, account: ServerAccount | None = None) -> bool:
    """Create a private folder unless it exists; returns whether it is private and ours.

    Args:
        folder: An absolute path, in a folder that anybody may write to.
        account: The owner; None for the account of this process.

    Raises:
        OSError: If it cannot be created.
    """
    owner = os.geteuid() if account is None else account.uid
    if make_folder(folder, mode=0o700) and account is not None:
        os.chown(folder, account.uid, account.gid)
    status = folder.lstat()
    private = stat.S_ISDIR(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o700
    return private and status.st_uid in (owner, os.geteuid())
