"""The disk of a run's checkpoints, which can be filled."""

import contextlib
import resource
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = ["Disk"]

SIZE = 64_000_000  # bytes of the small file system
BLOCK = b"\0" * 65536
UNLIMITED = resource.RLIM_INFINITY


class Disk:
    """A folder on a small file system of its own; where none can be mounted, a plain folder.

    A plain folder is "full" for those processes whose files may not grow any more.
    """

    def __init__(self, folder: Path, *, mounted: bool) -> None:
        self.folder = folder
        self.mounted = mounted
        self._filler = folder / "filler"
        self._limited: list[int] = []

    @classmethod
    @contextlib.contextmanager
    def open(cls, folder: Path) -> Iterator["Disk"]:
        """Make the folder, on a tmpfs where this process may mount one."""
        folder.mkdir(parents=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", str(folder)]
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
        try:
            yield cls(folder, mounted=mounted)
        finally:
            if mounted:
                subprocess.run(["umount", "--lazy", str(folder)], check=True)
            shutil.rmtree(folder)

    def fill(self, processes: Iterable[int]) -> None:
        """Fill it; a plain folder is filled for these processes."""
        if not self.mounted:
            self._limited = list(processes)
            self._limit(0)
            return
        with contextlib.suppress(OSError), self._filler.open("wb", buffering=0) as file:
            while file.write(BLOCK):
                pass

    def free(self) -> None:
        """Empty it again."""
        if self.mounted:
            self._filler.unlink(missing_ok=True)
        else:
            self._limit(UNLIMITED)

    def _limit(self, size: int) -> None:
        for process in self._limited:
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(process, resource.RLIMIT_FSIZE, (size, UNLIMITED))
