"""Table of logs of a run, in addition to its checkpoint. A new one is a file and a line here."""

from collections.abc import Mapping
from pathlib import Path

from trainer.config.configuration import TrainConfig
from trainer.errors import LogError
from trainer.logs.base import LogEntry, RunLog
from trainer.logs.nothing import NoLog
from trainer.logs.tensorboard import open_tensorboard
from trainer.logs.wandb import open_wandb

__all__ = ["LOGS", "LogEntry", "RunLog", "find_log", "open_log"]


def _no_log(folder: Path, config: TrainConfig, iteration: int) -> RunLog:
    del folder, config, iteration
    return NoLog()


#: Every log by its name for ``--log``.
LOGS: Mapping[str, LogEntry] = {
    "none": LogEntry(open=_no_log),
    "tensorboard": LogEntry(open=open_tensorboard, title="TensorBoard"),
    "wandb": LogEntry(open=open_wandb, title="Weights & Biases"),
}


def find_log(name: str) -> LogEntry:
    """The named log; nothing is opened or imported.

    Raises:
        LogError: If there is no such log.
    """
    if name not in LOGS:
        raise LogError(f"--log {name} is not known: choose one of {', '.join(LOGS)}")
    return LOGS[name]


def open_log(name: str, folder: Path, config: TrainConfig, *, iteration: int) -> RunLog:
    """Open a run's log, to be closed by the caller.

    Args:
        name: Name in :data:`LOGS`.
        folder: The run's folder.
        config: The run's configuration.
        iteration: Iterations that an earlier process trained.

    Raises:
        LogError: If there is no such log, its package is missing, or it cannot be opened.
    """
    return find_log(name).open(folder, config, iteration)
