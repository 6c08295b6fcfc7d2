"""Runs programs that need the name of their account, for accounts that have none.

A container may run under a user id without an entry in its passwd file (OpenShift,
``docker run --user``). PostgreSQL's ``initdb`` then refuses to run, although it is given every
name that it needs; the server itself does not ask. ``initdb`` therefore runs with a name: in its
own user namespace, or with nss_wrapper.

Run as a program, this file enters such a namespace and executes the program that it is given.
"""

import ctypes
import os
import pwd
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["AccountName", "find_account_name", "has_name"]

NEW_USER_NAMESPACE = 0x10000000  # CLONE_NEWUSER of unshare(2)
WRAPPER = "libnss_wrapper.so"
TRIAL_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class AccountName:
    """How to run a program so that its account has a name."""

    #: What to put before its command line.
    prefix: tuple[str, ...] = ()
    #: What to add to its environment.
    environment: Mapping[str, str] = field(default_factory=dict)


def has_name(uid: int | None = None) -> bool:
    """Whether an account (by default this process's) has an entry in the passwd file."""
    try:
        pwd.getpwuid(os.geteuid() if uid is None else uid)
    except KeyError:
        return False
    return True


def find_account_name(folder: Path) -> AccountName | None:
    """Find a way to run programs under a name on this machine; None if there is none.

    Args:
        folder: Where the necessary files may be written.
    """
    named = next((entry for entry in pwd.getpwall() if entry.pw_uid != 0), None)
    if named is not None:
        prefix = (sys.executable, "-I", __file__, str(named.pw_uid))
        if _works((*prefix, "/bin/true")):
            return AccountName(prefix=prefix)
    if _loads(WRAPPER):
        return AccountName(environment=_wrapper(folder))
    return None


def _works(command: Sequence[str]) -> bool:
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, stdin=subprocess.DEVNULL,
            timeout=TRIAL_SECONDS,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _wrapper(folder: Path) -> dict[str, str]:
    passwd, group = folder / "passwd", folder / "group"
    passwd.write_text(f"unim2:x:{os.geteuid()}:{os.getegid()}::/:/bin/false\n", encoding="ascii")
    group.write_text(f"unim2:x:{os.getegid()}:\n", encoding="ascii")
    return {
        "LD_PRELOAD": WRAPPER,
        "NSS_WRAPPER_PASSWD": str(passwd),
        "NSS_WRAPPER_GROUP": str(group),
    }


def _become(uid: int, command: list[str]) -> None:
    """Execute a program that sees this account under another id; its files stay this account's."""
    outer, group = os.geteuid(), os.getegid()
    if ctypes.CDLL(None, use_errno=True).unshare(NEW_USER_NAMESPACE):
        raise OSError(ctypes.get_errno(), "no user namespace")
    _write("/proc/self/setgroups", b"deny")
    _write("/proc/self/uid_map", b"%d %d 1" % (uid, outer))
    _write("/proc/self/gid_map", b"%d %d 1" % (group, group))
    os.execv(command[0], command)


def _write(path: str, content: bytes) -> None:
    """Write a file without importing anything: Python's files may be inaccessible here."""
    descriptor = os.open(path, os.O_WRONLY)
    os.write(descriptor, content)
    os.close(descriptor)


if __name__ == "__main__":
    _become(int(sys.argv[1]), sys.argv[2:])
