"""Folders that nobody but their owner may enter, at short paths: for sockets, above all.

The path of a Unix socket has about a hundred bytes, and the folders that users are given for
their files may take all of them.
"""

import os
import stat
from pathlib import Path

from storage.server_account import ServerAccount

__all__ = ["make_folder", "make_private"]


def make_folder(folder: Path, *, mode: int) -> bool:
    """Make a folder unless it is there; whether it was made.

    Raises:
        OSError: If it cannot be made.
    """
    try:
        folder.mkdir(mode=mode)
    except FileExistsError:
        return False
    if os.geteuid() == 0:
        folder.chmod(mode)  # whatever the umask: the server's account must get through
    return True


def make_private(folder: Path, account: ServerAccount | None = None) -> bool:
    """Make a private folder unless it is there; whether what is there is private and ours.

    Args:
        folder: An absolute path, in a folder that anybody may write.
        account: Who it is for; None for the account of this process.

    Raises:
        OSError: If it cannot be made.
    """
    owner = os.geteuid() if account is None else account.uid
    if make_folder(folder, mode=0o700) and account is not None:
        os.chown(folder, account.uid, account.gid)
    status = folder.lstat()
    private = stat.S_ISDIR(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o700
    return private and status.st_uid in (owner, os.geteuid())
