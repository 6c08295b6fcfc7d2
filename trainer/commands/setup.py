"""What every verb of the trainer sets up: device, configuration, features, progress bars."""

import dataclasses
import shlex
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from trainer.config.configuration import TrainConfig
from trainer.config.presets import expand
from trainer.config.protocols import lay_protocol
from trainer.config.toml_records import build_record, read_toml
from trainer.datasets.folder.description import is_description
from trainer.errors import ConfigError
from trainer.features import Material, prepare
from trainer.features.bank import Verify
from trainer.methods import hyper_values

__all__ = [
    "at_root",
    "find_device",
    "live_progress",
    "prepare_material",
    "progress_teller",
    "read_config",
    "say",
    "say_notes",
]


def find_device(name: str) -> torch.device:
    """The device of that name; ``auto`` is a GPU where there is one.

    Raises:
        ConfigError: If torch does not know it, or it is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"--device {name} is not known: give auto, cpu or cuda") from error
    available = torch.cuda.device_count() if device.type == "cuda" else 1
    if device.type not in ("cpu", "cuda") or (device.index or 0) >= available:
        raise ConfigError(f"--device {name} is not there: give auto, cpu or cuda")
    return device


def read_config(path: Path) -> TrainConfig:
    """The run a TOML file describes, refused before features are built if it cannot be.

    Below the file's own settings lie those of the preset that its key ``base`` names, and below
    both those of its protocol.

    Raises:
        ConfigError: On a file or a setting that is wrong.
    """
    table = read_toml(path)
    if is_description(table):
        raise ConfigError(
            f"{path} describes a data set, not a run: write a TOML file with a table [data] of"
            f" name = 'folder', root = '{path}' and modalities, and give that; `python -m trainer"
            f" inspect {shlex.quote(str(path))}` reads the data set through"
        )
    config = build_record(TrainConfig, lay_protocol(expand(table)))
    hyper_values(config)
    return config


def at_root(config: TrainConfig, data: Path | None) -> TrainConfig:
    """The same run on a data set that was moved to ``data``; None if it was not."""
    if data is None:
        return config
    moved = dataclasses.replace(config.data, root=str(data))
    return dataclasses.replace(config, data=moved)


def prepare_material(
    config: TrainConfig, *, cache: Path | None, device: torch.device, verify: Verify = "all"
) -> Material:
    """The features of a configuration, with a bar for each thing that has to be built."""
    with live_progress() as progress:
        tell = progress_teller(progress)
        return prepare(config, cache=cache, device=device, progress=tell, verify=verify)


@contextmanager
def live_progress() -> Iterator[Progress]:
    """A live bar on a terminal's standard error, nothing elsewhere."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),  # so that numbers and the time left fit in 80 columns
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield progress


def say(text: str) -> None:
    """Print plainly, each line in one piece however narrow the terminal."""
    Console().print(text, highlight=False, soft_wrap=True, markup=False)


def say_notes(notes: Iterable[str]) -> None:
    """Print what the user of a data set should know of it, as ``validate`` found it."""
    for note in notes:
        say(f"note: {note}")


def progress_teller(progress: Progress) -> Callable[[str, int, int], None]:
    """A callback that keeps one bar for each thing that is done."""
    bars: dict[str, TaskID] = {}

    def tell(what: str, done: int, total: int) -> None:
        if what not in bars:
            bars[what] = progress.add_task(what, total=total)
        progress.update(bars[what], completed=done, total=total)

    return tell
