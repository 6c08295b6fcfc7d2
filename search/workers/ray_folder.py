"""The folder of Ray's sockets and logs: Ray's own choice, or a short one if that is unusable.

Ray uses ``RAY_TMPDIR``, else ``TMPDIR``, else ``/tmp``. On a cluster this is often a path that is
too long, does not exist, or belongs to another account; Ray then ends with a traceback.
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
#: The longest path that Ray creates below its folder: date, process number of 7 digits, socket.
SOCKET = "/session_2026-01-01_00-00-00_000000_1234567/sockets/plasma_store"
LONGEST_SOCKET_PATH = 103 if sys.platform == "darwin" else 107  # bytes
LONGEST = LONGEST_SOCKET_PATH - len(SOCKET)
#: Where a short folder may be created.
SHORT_PARENTS = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))


@dataclass(frozen=True, kw_only=True)
class RayFolder:
    """A folder that replaces Ray's own choice."""

    path: Path
    #: What is wrong with Ray's choice.
    why: str

    def text(self) -> str:
        """A line that says where the folder is, and why."""
        return f"Ray's sockets and logs are in {self.path}: {self.why}"


def find_ray_folder(
    environment: Mapping[str, str], *, parents: Sequence[Path] = SHORT_PARENTS
) -> RayFolder | None:
    """Create a short private folder if Ray's own choice is unusable; None if it is usable.

    Args:
        environment: Usually ``os.environ``.
        parents: Where the folder may be created; the first writable one is used.

    Raises:
        ClusterError: If no folder can be created.
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
        f"Ray has no folder for its sockets: {why}, and no short one can be created in"
        f" {', '.join(map(str, parents))}: set RAY_TMPDIR to a writable folder whose path has at"
        f" most {LONGEST - len('/ray')} bytes"
    )


def _fault(environment: Mapping[str, str]) -> str | None:
    """What is wrong with the folder that Ray would use; None if nothing is."""
    variable = next((name for name in VARIABLES if name in environment), None)
    base = RAY_DEFAULT if variable is None else Path(environment[variable])
    given = f"{base}" if variable is None else f"{variable}={base}"
    folder = base / "ray"
    if not base.is_absolute():
        return f"{given} is not an absolute path"
    if len(os.fsencode(folder)) > LONGEST:
        return f"{given} is too long for sockets (at most {LONGEST - len('/ray')} bytes)"
    if not base.is_dir():
        return f"{given} is not an existing folder"
    if not os.access(base, os.W_OK | os.X_OK) and not folder.is_dir():
        return f"{given} cannot be written by this account"
    if folder.exists() and not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        return f"{given} holds a folder ray that belongs to another account"
    return None
