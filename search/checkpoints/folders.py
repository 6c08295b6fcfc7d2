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

__all__ = ["CheckpointStore", "default_checkpoint_root", "trial_name"]

SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def default_checkpoint_root() -> Path:
    """The folder used when none is given."""
    return Path(platformdirs.user_data_dir("unim2-search")) / "checkpoints"


def trial_name(trial: int) -> str:
    """Such as ``trial-00012``."""
    return f"trial-{trial:05d}"


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

    def trial_folder(self, trial: int) -> Path:
        """All attempts of one trial."""
        return self.folder / trial_name(trial)

    def attempt_folder(self, trial: int, attempt: int, epoch: int) -> Path:
        """The one folder that this attempt may write."""
        return self.trial_folder(trial) / f"attempt-{attempt}-epoch-{epoch}"

    def latest(self, trial: int) -> Path | None:
        """The trial's last attempt that left a checkpoint, if any."""
        found = sorted(
            self.trial_folder(trial).glob("attempt-*/checkpoint.json"),
            key=lambda path: path.stat().st_mtime_ns,
        )
        return found[-1].parent if found else None

    def discard(self, trial: int) -> None:
        """Delete the checkpoints of a trial; quiet if there are none."""
        shutil.rmtree(self.trial_folder(trial), ignore_errors=True)
