"""What every verb of the trainer sets up: device, configuration, features, progress."""

import dataclasses
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from rich.console import Console

from trainer.config.configuration import TrainConfig
from trainer.config.described import DESCRIPTION
from trainer.config.layers import SEARCH, settings_in_place
from trainer.config.presets import read_preset
from trainer.config.sources import Layers, read_layers
from trainer.config.toml_records import build_record
from trainer.console.progress import Tell, open_teller
from trainer.errors import ConfigError
from trainer.features import DatasetFeatures, prepare
from trainer.features.bank import Verify
from trainer.methods import hyper_values
from trainer.protocols import lay_protocol

__all__ = [
    "at_root",
    "find_device",
    "prepare_dataset_features",
    "read_config",
    "run_of",
    "say",
    "say_notes",
    "telling",
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


def read_config(path: Path, *, tell: bool = False) -> TrainConfig:
    """The run a TOML file describes, refused before features are built if it cannot be.

    Below the file's own settings lie those of a preset, as for a search, and below both those of
    its protocol. A table ``[search]`` is a search's.

    Args:
        path: The file; or a data set's description, or the folder that holds it, for a run on
            its data by the preset's settings.
        tell: Whether to print which settings were taken from where.

    Raises:
        ConfigError: On a file or a setting that is wrong.
    """
    layers = read_layers(None, path / DESCRIPTION if path.is_dir() else path)
    config = run_of(layers)
    if tell:
        _say_settings(layers)
    return config


def run_of(layers: Layers) -> TrainConfig:
    """The run that these settings describe.

    Raises:
        ConfigError: On a setting that is wrong.
    """
    table = layers.over(read_preset(layers.preset))
    run = {key: value for key, value in table.items() if key != SEARCH}
    config = build_record(TrainConfig, lay_protocol(settings_in_place(run)))
    hyper_values(config)
    return config


def _say_settings(layers: Layers) -> None:
    """Print which settings were taken from where, and what of a file is not read."""
    for line in layers.lines():
        say(line)
    if SEARCH in layers.from_file:
        say(f"note: [{SEARCH}] of {layers.file} is read by `python -m search launch` alone")


def at_root(config: TrainConfig, data: Path | None) -> TrainConfig:
    """The same run on a data set that was moved to ``data``; None if it was not."""
    if data is None:
        return config
    moved = dataclasses.replace(config.data, root=str(data))
    return dataclasses.replace(config, data=moved)


def prepare_dataset_features(
    config: TrainConfig, *, cache: Path | None, device: torch.device, verify: Verify = "all"
) -> DatasetFeatures:
    """The features of a configuration, saying how far each thing is that has to be built."""
    with telling() as tell:
        return prepare(config, cache=cache, device=device, progress=tell, verify=verify)


@contextmanager
def telling() -> Iterator[Tell]:
    """Tells how far a long piece of work is, on standard error."""
    with open_teller(Console(stderr=True)) as tell:
        yield tell


def say(text: str) -> None:
    """Print plainly, each line in one piece however narrow the terminal."""
    Console().print(text, highlight=False, soft_wrap=True, markup=False)


def say_notes(notes: Iterable[str]) -> None:
    """Print what the user of a data set should know of it, as ``validate`` found it."""
    for note in notes:
        say(f"note: {note}")
