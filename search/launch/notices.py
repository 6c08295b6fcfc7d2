"""Lines that a launch prints before its first worker starts."""

from collections.abc import Callable

from search.config.configuration import LaunchConfig
from search.machine.resources import Machine, quota_text
from search.machine.run_options import RunOptions
from storage.studies import StudyRecord
from trainer.config.sources import Layers
from trainer.datasets import DataSet
from trainer.nn.bf16_instructions import slow_precision

__all__ = [
    "show_idle_seats",
    "show_missing_place",
    "show_moved_defaults",
    "show_notes",
    "show_quota",
    "show_settings",
    "show_slow_precision",
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


def show_idle_seats(record: StudyRecord, machine: Machine, say: Callable[[str], None]) -> None:
    """Seats beyond the trials in flight, whose number a study keeps to stay reproducible."""
    most, seats = record.lag + 1, machine.seats
    if seats <= most:
        return
    what, enough = "slots", "fewer --workers or --slots are enough"
    if machine.slots == 1:
        what, enough = "workers", f"--workers {most} is enough"
    say(
        f"{seats - most} of {seats} {what} will be idle: study {record.name} was created to run at"
        f" most {most} trials at a time; {enough}"
    )


def show_missing_place(options: RunOptions, has_place: bool, say: Callable[[str], None]) -> None:
    """That trials get no pictures, because the hosts of a cluster share no known folder."""
    if options.pictures != "none" and not has_place:
        say("trials get no pictures: a joined cluster needs --artifacts to keep them")


def show_quota(machine: Machine, say: Callable[[str], None]) -> None:
    """A CPU quota below the number of cores, if the workers run on cores."""
    text = quota_text()
    if text is not None and not machine.gpus:
        say(text)


def show_slow_precision(
    config: LaunchConfig, machine: Machine, say: Callable[[str], None]
) -> None:
    """That this machine, if it trains, has no instructions for the products' number format."""
    if not machine.own_device.startswith(machine.device):
        return  # the GPUs of a joined cluster
    text = slow_precision(machine.device, config.train.training.precision)
    if text is not None:
        say(f"warning: {text}")
