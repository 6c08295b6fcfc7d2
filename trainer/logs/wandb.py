"""Weights & Biases (extra ``wandb``): online, or offline with ``WANDB_MODE=offline``."""

import hashlib
import os
from pathlib import Path
from typing import Any

from trainer.config.configuration import TrainConfig
from trainer.config.toml_records import record_to_table
from trainer.errors import LogError
from trainer.logs.base import missing_package, scalars
from trainer.protocols import protocol_text
from trainer.records import Report

__all__ = ["PROJECT", "WandbLog", "open_wandb"]

#: Project of the runs, unless ``WANDB_PROJECT`` names another.
PROJECT = "unim2-search"


class WandbLog:
    """One run of Weights & Biases."""

    def __init__(self, run: Any) -> None:
        self._run = run

    def write(self, report: Report) -> None:
        """Log an evaluation at its iteration."""
        self._run.log(scalars(report), step=report.iteration)

    def close(self) -> None:
        """Send or store the remaining data."""
        self._run.finish()


def open_wandb(folder: Path, config: TrainConfig, iteration: int) -> WandbLog:
    """Start a run, or resume the one that was started for this folder.

    Its files are in the run's folder. Code, console output and system metrics are not logged.

    Raises:
        LogError: If Weights & Biases is not installed or refuses.
    """
    try:
        import wandb  # lazily: an optional package
    except ImportError as error:
        raise missing_package("wandb") from error
    table = record_to_table(config)
    settings = wandb.Settings(
        silent=True, console="off", disable_git=True, x_disable_stats=True, x_disable_meta=True
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=folder.name,
            id=_identity(folder),
            resume="allow" if iteration else None,
            dir=str(folder),
            config={**table, "protocol": protocol_text(table)},
            settings=settings,
        )
    except (wandb.Error, OSError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise LogError(
            f"--log wandb: {reason}; log in with `wandb login`, or set WANDB_MODE=offline"
        ) from error
    return WandbLog(run)


def _identity(folder: Path) -> str:
    """The same for the same folder, so that a resumed run stays one run."""
    return hashlib.blake2b(str(folder.resolve()).encode(), digest_size=8).hexdigest()
