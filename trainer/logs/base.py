"""Interface of a log, and a report as named numbers."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from trainer.config.configuration import TrainConfig
from trainer.console.shell import install_command, shell_text
from trainer.errors import LogError
from trainer.records import Report

__all__ = ["LogEntry", "RunLog", "missing_package", "scalars"]

#: Fields of a report that are not measurements, or that only the last report has.
LEFT_OUT = ("evaluation", "iteration", "class_iou")


class RunLog(Protocol):
    """Receives the reports of one run as they are made."""

    def write(self, report: Report) -> None:
        """Log an evaluation."""

    def close(self) -> None:
        """Write everything and close."""


@dataclass(frozen=True, kw_only=True)
class LogEntry:
    """A log before it is opened."""

    #: Opens it from the run's folder, its configuration and the number of iterations so far.
    open: Callable[[Path, TrainConfig, int], RunLog]
    #: What receives the evaluations, in words; empty if nothing does.
    title: str = ""


def scalars(report: Report) -> dict[str, float]:
    """The defined numbers of a report by name, such as ``cluster/miou``."""
    table = {
        key: value for key, value in dataclasses.asdict(report).items() if key not in LEFT_OUT
    }
    table["criteria"] = report.further_criteria()  # the others are in the report's records
    return {name: number for name, number in _flat(table) if math.isfinite(number)}


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}/")
        else:
            yield f"{prefix}{key}", float(value)


def missing_package(name: str) -> LogError:
    """The error if the package of a log is not installed."""
    return LogError(
        f"--log {name} needs the package {name}, which is not installed:"
        f" {shell_text(install_command(name))}"
    )
