"""The folders of features and checkpoints: whether they are writable and have enough space."""

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
    """Check the space for the feature cache; its size is unknown without data and weights."""
    try:
        needed = dataset_summary(subject.config.train).cache_bytes
    except TrainerError:
        needed = 0  # the checks of data and weights report this error
    return _check_folder(
        "feature cache", subject.cache, needed, subject.launch("--cache", "FOLDER")
    )


def check_checkpoints(subject: Subject) -> Check:
    """Check the space for checkpoints."""
    return _check_folder(
        "checkpoints", subject.checkpoints, 0, subject.launch("--checkpoints", "FOLDER")
    )


def _check_folder(name: str, folder: Path, needed: int, fix: str) -> Check:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return failed(name, f"{folder} cannot be written ({existing} is not writable)", fix)
    free = shutil.disk_usage(existing).free
    wanted = f"; features need {bytes_text(needed)}" if needed else ""
    if free < needed + SPARE:
        return failed(name, f"{folder}: only {bytes_text(free)} free{wanted}", fix)
    return ok(name, f"{folder}: {bytes_text(free)} free{wanted}")
