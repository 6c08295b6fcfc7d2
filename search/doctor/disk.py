"""The folders of features and checkpoints: writable, and with room."""

import os
import shutil
from pathlib import Path

from search.doctor.check import Check, failed, ok
from search.doctor.subject import Subject
from trainer.console.sizes import bytes_text
from trainer.errors import TrainerError
from trainer.features.dataset_summary import dataset_summary

__all__ = ["check_cache", "check_checkpoints"]

SPARE = 64 * 2**20  # bytes that have to stay free


def check_cache(subject: Subject) -> Check:
    """Room for the feature cache; of unknown size where the data or the weights are at fault."""
    try:
        needed = dataset_summary(subject.config.train).cache_bytes
    except TrainerError:
        needed = 0  # told by the checks of data and weights
    return _check_folder(
        "feature cache", subject.cache, needed, subject.launch("--cache", "FOLDER")
    )


def check_checkpoints(subject: Subject) -> Check:
    """Room for checkpoints."""
    return _check_folder(
        "checkpoints", subject.checkpoints, 0, subject.launch("--checkpoints", "FOLDER")
    )


def _check_folder(name: str, folder: Path, needed: int, mend: str) -> Check:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return failed(name, f"{folder} cannot be written ({there})", mend)
    free = shutil.disk_usage(there).free
    wanted = f", {bytes_text(needed)} of features" if needed else ""
    if free < needed + SPARE:
        return failed(name, f"{folder}: {bytes_text(free)} free{wanted}", mend)
    return ok(name, f"{folder}: {bytes_text(free)} free{wanted}")
