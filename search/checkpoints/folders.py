"""The checkpoint folders of a study: ``<root>/<study>/trial-00012/attempt-2-epoch-5``.

Each attempt under one lease epoch has its own folder, so that the workers of a replaced driver can
never overwrite what its successor reads.
"""

import hashlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from search.records.jobs import REFERENCES, Job

__all__ = ["CheckpointStore", "default_checkpoint_root", "folder_name"]

SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def default_checkpoint_root() -> Path:
    """The folder used when none is given."""
    return Path(platformdirs.user_data_dir("unim2-search")) / "checkpoints"


def folder_name(job: Job) -> str:
    """Name of a job's folder, such as ``trial-00012`` or ``confirm-00012-seed-3``."""
    subject = REFERENCES.get(job.trial) or f"{job.trial:05d}"
    name = f"{job.kind}-{subject}"
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
        """The study's name in a form that is safe in a path, followed by a hash."""
        readable = self.study if SAFE_NAME.fullmatch(self.study) else "study"
        digest = hashlib.blake2b(f"{self.study}\n{self.identity}".encode(), digest_size=6)
        return f"{readable}-{digest.hexdigest()}"

    def job_folder(self, job: Job) -> Path:
        """The folder of all attempts at one job."""
        return self.folder / folder_name(job)

    def attempt_folder(self, job: Job, attempt: int, epoch: int) -> Path:
        """The only folder that this attempt may write to."""
        return self.job_folder(job) / f"attempt-{attempt}-epoch-{epoch}"

    def attempts(self, job: Job) -> tuple[Path, ...]:
        """The folders of all attempts at a job that hold a checkpoint, the newest first."""
        found = sorted(
            self.job_folder(job).glob("attempt-*/checkpoint.json"),
            key=lambda path: path.stat().st_mtime_ns,
            reverse=True,
        )
        return tuple(path.parent for path in found)

    def discard(self, job: Job) -> None:
        """Delete the checkpoints of a job, if there are any."""
        shutil.rmtree(self.job_folder(job), ignore_errors=True)
