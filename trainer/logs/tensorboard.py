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

#: Folder of the event files inside the run's folder.
FOLDER = "tensorboard"


class TensorBoardLog:
    """The event file of this process; TensorBoard joins it with those of earlier ones."""

    def __init__(self, writer: "SummaryWriter") -> None:
        self._writer = writer

    def write(self, report: Report) -> None:
        """Log an evaluation at its iteration, readable at once."""
        for name, number in scalars(report).items():
            self._writer.add_scalar(name, number, report.iteration)
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()


def open_tensorboard(folder: Path, config: TrainConfig, iteration: int) -> TensorBoardLog:
    """Start an event file; it replaces whatever an earlier process logged after ``iteration``.

    Raises:
        LogError: If TensorBoard is not installed or the folder cannot be written.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter  # lazily: an optional package
    except ImportError as error:
        raise missing_package("tensorboard") from error
    table = record_to_table(config)
    try:
        writer = SummaryWriter(
            str(folder / FOLDER), purge_step=iteration + 1 if iteration else None
        )
    except OSError as error:
        raise LogError(
            f"cannot write TensorBoard's events to {folder / FOLDER} ({error.strerror}): fix its"
            " permissions or give another --out"
        ) from error
    for name, text in (("protocol", protocol_text(table)), ("configuration", _code(table))):
        writer.add_text(name, text, iteration)
    return TensorBoardLog(writer)


def _code(table: dict[str, object]) -> str:
    """TOML as a Markdown code block, which TensorBoard displays."""
    return "\n".join(f"    {line}" for line in toml_text(table).splitlines())
