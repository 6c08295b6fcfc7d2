"""TensorBoard event files, in the folder ``tensorboard`` of the run (extra ``tensorboard``)."""

from pathlib import Path
from typing import TYPE_CHECKING

from trainer.config.configuration import TrainConfig
from trainer.config.toml_records import record_to_table, toml_text
from trainer.errors import LogError
from trainer.logs.base import missing_package, scalars
from trainer.protocols import protocol_text
from trainer.records import Report

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

__all__ = ["FOLDER", "TensorBoardLog", "open_tensorboard"]

#: Folder of the event files in the run's own.
FOLDER = "tensorboard"


class TensorBoardLog:
    """One event file of this process; TensorBoard joins those of earlier ones."""

    def __init__(self, writer: "SummaryWriter") -> None:
        self._writer = writer

    def write(self, report: Report) -> None:
        """Log an evaluation at its iteration, at once readable."""
        for name, number in scalars(report).items():
            self._writer.add_scalar(name, number, report.iteration)
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()


def open_tensorboard(folder: Path, config: TrainConfig, iteration: int) -> TensorBoardLog:
    """Begin an event file; what an earlier process logged beyond ``iteration`` is outdated.

    Raises:
        LogError: If TensorBoard is not installed or the folder cannot be written.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise missing_package("tensorboard") from error
    table = record_to_table(config)
    try:
        writer = SummaryWriter(
            str(folder / FOLDER), purge_step=iteration + 1 if iteration else None
        )
    except OSError as error:
        raise LogError(
            f"cannot write TensorBoard's events to {folder / FOLDER} ({error.strerror}): mend its"
            " permissions or give another --out"
        ) from error
    for name, text in (("protocol", protocol_text(table)), ("configuration", _code(table))):
        writer.add_text(name, text, iteration)
    return TensorBoardLog(writer)


def _code(table: dict[str, object]) -> str:
    """TOML as a block of Markdown, which TensorBoard shows."""
    return "\n".join(f"    {line}" for line in toml_text(table).splitlines())
