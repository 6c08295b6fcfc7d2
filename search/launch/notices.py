"""Lines that a launch prints before its first worker starts."""

from collections.abc import Callable

from search.config.configuration import LaunchConfig
from search.machine.resources import Machine, quota_text
from storage.studies import StudyRecord
from trainer.config.sources import Layers
from trainer.datasets import DataSet

__all__ = [
    "show_idle_workers",
    "show_moved_defaults",
    "show_notes",
    "show_quota",
    "show_settings",
]


def show_settings(layers: Layers, say: Callable[[str], None]) -> None:
    """Where the settings come from: preset, file, flags."""
    for line in layers.lines():
        say(line)


def show_notes(data_set: DataSet, say: Callable[[str], None]) -> None:
    """Notes about the data set, such as files that are not used."""
    for note in data_set.notes:
        say(f"note: {note}")


def show_moved_defaults(config: LaunchConfig, say: Callable[[str], None]) -> None:
    """Default values outside their ranges, which trial 0 cannot have."""
    space = config.space()
    for name, default in config.moved_defaults().items():
        say(
            f"the default {default:g} of {name} is outside its range: trial 0 starts at"
            f" {space.defaults[name]:g}"
        )


def show_idle_workers(record: StudyRecord, workers: int, say: Callable[[str], None]) -> None:
    """Workers beyond the trials in flight, whose number a study keeps to stay reproducible."""
    most = record.lag + 1
    if workers > most:
        say(
            f"{workers - most} of {workers} workers will be idle: study {record.name} was created"
            f" to run at most {most} trials at a time; --workers {most} is enough"
        )


def show_quota(machine: Machine, say: Callable[[str], None]) -> None:
    """A CPU quota below the number of cores, if the workers run on cores."""
    text = quota_text()
    if text is not None and not machine.gpus:
        say(text)
