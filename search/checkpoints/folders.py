"""Where the checkpoints of a study lie: ``<root>/<study>/trial-00012/attempt-2-epoch-5``.

An attempt under one lease epoch has a folder of its own, so that the workers of a driver
that was replaced can never overwrite what its successor reads.
"""

import hashlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from search.records.jobs import Job

__all__ = ["CheckpointStore", "default_checkpoint_root", "folder_name"]

SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def default_checkpoint_root() -> Path:
    """The folder used when none is given."""
    return Path(platformdirs.user_data_dir("unim2-search")) / "checkpoints"


def folder_name(job: Job) -> str:
    """What the folder of a job is called, such as ``trial-00012`` or ``confirm-00012-seed-3``."""
    name = f"{job.kind}-{job.trial:05d}"
    return name if job.seed is None else f"{name}-seed-{job.seed}"


@dataclass(frozen=True, kw_only=True)
class CheckpointStore:
    """The checkpoint folders of one study."""

    root: Path
    study: str
    #: Distinguishes studies of one name in different databases.
    identity: str

    @property
    def folder(self) -> Path:
        """The study's folder."""
        return self.root / self.name

    @property
    def name(self) -> str:
        """Names the study so that any study name is safe in a path."""
        readable = self.study if SAFE_NAME.fullmatch(self.study) else "study"
        digest = hashlib.blake2b(f"{self.study}\n{self.identity}".encode(), digest_size=6)
        return f"{readable}-{digest.hexdigest()}"

    def job_folder(self, job: Job) -> Path:
        """All attempts at one job."""
        return self.folder / folder_name(job)

    def attempt_folder(self, job: Job, attempt: int, epoch: int) -> Path:
        """The one folder that this attempt may write."""
        return self.job_folder(job) / f"attempt-{attempt}-epoch-{epoch}"

    def latest(self, job: Job) -> Path | None:
        """The job's last attempt that left a checkpoint, if any."""
        found = sorted(
            self.job_folder(job).glob("attempt-*/checkpoint.json"),
            key=lambda path: path.stat().st_mtime_ns,
        )
        return found[-1].parent if found else None

    def discard(self, job: Job) -> None:
        """Delete the checkpoints of a job; quiet if there are none."""
        shutil.rmtree(self.job_folder(job), ignore_errors=True)
