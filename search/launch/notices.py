"""What a launch says in one line before its first worker."""

from collections.abc import Callable

from search.config.configuration import LaunchConfig
from search.machine.resources import Machine, quota_text
from storage.studies import StudyRecord
from trainer.config.sources import Layers
from trainer.datasets import DataSet

__all__ = [
    "tell_idle_workers",
    "tell_moved_starts",
    "tell_notes",
    "tell_quota",
    "tell_settings",
]


def tell_settings(layers: Layers, say: Callable[[str], None]) -> None:
    """Which settings were taken from where, the lowest first."""
    for line in layers.lines():
        say(line)


def tell_notes(data_set: DataSet, say: Callable[[str], None]) -> None:
    """What opening the data set found out or decided that its user should know."""
    for note in data_set.notes:
        say(f"note: {note}")


def tell_moved_starts(config: LaunchConfig, say: Callable[[str], None]) -> None:
    """Trial 0 has the untuned values, as far as their ranges hold them."""
    space = config.space()
    for name, untuned in config.moved_starts().items():
        say(
            f"the range of {name} does not hold its untuned value {untuned:g}: trial 0 has"
            f" {space.defaults[name]:g}"
        )


def tell_idle_workers(record: StudyRecord, workers: int, say: Callable[[str], None]) -> None:
    """A study keeps as many trials under way as when it was created, so as to be repeatable."""
    most = record.lag + 1
    if workers > most:
        say(
            f"{workers - most} of {workers} workers will have nothing to do: study {record.name}"
            f" keeps at most {most} trials under way, as when it was created; --workers {most}"
            " is enough"
        )


def tell_quota(machine: Machine, say: Callable[[str], None]) -> None:
    """Fewer cores than the machine shows, where the workers run on cores."""
    text = quota_text()
    if text is not None and not machine.gpus:
        say(text)
