"""The folder of Ray's sockets and logs: where Ray would put them, or a short one of our own.

Ray takes ``RAY_TMPDIR``, else ``TMPDIR``, else ``/tmp``. On a cluster that is often a long path,
or one that is gone, or one that belongs to another account: Ray then ends with a traceback.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from search.errors import ClusterError
from storage.private_folder import make_private

__all__ = ["RayFolder", "find_ray_folder"]

VARIABLES = ("RAY_TMPDIR", "TMPDIR")  # in Ray's order
RAY_DEFAULT = Path("/tmp")
#: What Ray lays below its folder: the date, a process number of up to 7 digits, its longest name.
SOCKET = "/session_2026-01-01_00-00-00_000000_1234567/sockets/plasma_store"
LONGEST_SOCKET_PATH = 103 if sys.platform == "darwin" else 107  # bytes
LONGEST = LONGEST_SOCKET_PATH - len(SOCKET)
#: Where a short folder may lie.
SHORT_PARENTS = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))


@dataclass(frozen=True, kw_only=True)
class RayFolder:
    """A folder for Ray in place of its own choice."""

    path: Path
    #: What is wrong with Ray's choice.
    why: str

    def text(self) -> str:
        """Both, for people."""
        return f"Ray's sockets and logs are in {self.path}: {self.why}"


def find_ray_folder(
    environment: Mapping[str, str], *, parents: Sequence[Path] = SHORT_PARENTS
) -> RayFolder | None:
    """A short private folder, made now, where Ray's own choice will not do; None where it will.

    Args:
        environment: Usually ``os.environ``.
        parents: Where a short folder may lie; the first that can be written is taken.

    Raises:
        ClusterError: If there is no folder that will do.
    """
    why = _fault(environment)
    if why is None:
        return None
    for parent in parents:
        folder = parent / f"unim2-search-{os.geteuid()}"
        try:
            if make_private(folder):
                return RayFolder(path=folder / "ray", why=why)
        except OSError:
            continue  # the next one
    raise ClusterError(
        f"Ray has no folder for its sockets: {why}, and no short one can be made in"
        f" {', '.join(map(str, parents))}: set RAY_TMPDIR to a folder that can be written, of at"
        f" most {LONGEST - len('/ray')} bytes"
    )


def _fault(environment: Mapping[str, str]) -> str | None:
    """What is wrong with the folder that Ray would take."""
    variable = next((name for name in VARIABLES if name in environment), None)
    base = RAY_DEFAULT if variable is None else Path(environment[variable])
    given = f"{base}" if variable is None else f"{variable}={base}"
    folder = base / "ray"
    if not base.is_absolute():
        return f"{given} is not an absolute path"
    if len(os.fsencode(folder)) > LONGEST:
        return f"{given} is too long for sockets (at most {LONGEST - len('/ray')} bytes)"
    if not base.is_dir():
        return f"{given} is not a folder"
    if not os.access(base, os.W_OK | os.X_OK) and not folder.is_dir():
        return f"{given} cannot be written by this account"
    if folder.exists() and not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        return f"{given} holds a folder ray that belongs to another account"
    return None
