"""Table of logs of a run, in addition to its checkpoint. A new one is a file and a line here."""

from collections.abc import Callable, Mapping
from pathlib import Path

from trainer.config.configuration import TrainConfig
from trainer.errors import LogError
from trainer.logs.base import RunLog
from trainer.logs.nothing import NoLog
from trainer.logs.tensorboard import open_tensorboard
from trainer.logs.wandb import open_wandb

__all__ = ["LOGS", "RunLog", "open_log"]


def _no_log(folder: Path, config: TrainConfig, iteration: int) -> RunLog:
    del folder, config, iteration
    return NoLog()


#: Name to the function that opens the log of a run, from its folder, its configuration and the
#: number of iterations so far.
LOGS: Mapping[str, Callable[[Path, TrainConfig, int], RunLog]] = {
    "none": _no_log,
    "tensorboard": open_tensorboard,
    "wandb": open_wandb,
}


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
    if name not in LOGS:
        raise LogError(f"--log {name} is not known: choose one of {', '.join(LOGS)}")
    return LOGS[name](folder, config, iteration)
