"""Set-up shared by all commands: device, configuration, features, progress."""

import dataclasses
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from rich.console import Console

from trainer.config.configuration import TrainConfig
from trainer.config.described import DESCRIPTION
from trainer.config.layers import SEARCH, settings_in_place
from trainer.config.paths import user_path
from trainer.config.presets import read_preset
from trainer.config.sources import Layers, read_layers
from trainer.config.toml_records import build_record
from trainer.console.progress import OnProgress, progress_on
from trainer.errors import ConfigError
from trainer.features import DatasetFeatures, prepare
from trainer.features.cache_entry import Verify
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
    "show_progress",
]


def find_device(name: str) -> torch.device:
    """The device with that name; ``auto`` is a GPU if there is one.

    Raises:
        ConfigError: If torch does not know it, or this machine does not have it.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"--device {name} is not known: give auto, cpu or cuda") from error
    available = torch.cuda.device_count() if device.type == "cuda" else 1
    if device.type not in ("cpu", "cuda") or (device.index or 0) >= available:
        raise ConfigError(f"--device {name} is not available: give auto, cpu or cuda")
    return device


def read_config(path: Path, *, announce: bool = False) -> TrainConfig:
    """The run that a TOML file describes, checked before any features are computed.

    The file's own settings override those of its preset, which override those of its protocol. A
    table ``[search]`` belongs to a search and is ignored.

    Args:
        path: The file; or a data set's description, or the folder that contains it, for a run on
            its data with the settings of a preset.
        announce: Whether to print which settings come from where.

    Raises:
        ConfigError: If the file or a setting is wrong.
    """
    described = user_path(path) / DESCRIPTION
    layers = read_layers(None, described if described.exists() else path)
    config = run_of(layers)
    if announce:
        _say_settings(layers)
    return config


def run_of(layers: Layers) -> TrainConfig:
    """The run that these settings describe.

    Raises:
        ConfigError: If a setting is wrong.
    """
    table = layers.over(read_preset(layers.preset))
    run = {key: value for key, value in table.items() if key != SEARCH}
    config = build_record(TrainConfig, lay_protocol(settings_in_place(run)))
    hyper_values(config)
    return config


def _say_settings(layers: Layers) -> None:
    """Print which settings come from where, and which table is ignored."""
    for line in layers.lines():
        say(line)
    if SEARCH in layers.from_file:
        say(f"note: only `python -m search launch` reads [{SEARCH}] of {layers.file}")


def at_root(config: TrainConfig, data: Path | None) -> TrainConfig:
    """The same run with its data set at ``data``; None if it was not moved."""
    if data is None:
        return config
    moved = dataclasses.replace(config.data, root=str(data))
    return dataclasses.replace(config, data=moved)


def prepare_dataset_features(
    config: TrainConfig, *, cache: Path | None, device: torch.device, verify: Verify = "all"
) -> DatasetFeatures:
    """The features for a configuration; shows the progress of what has to be computed."""
    with show_progress() as progress:
        return prepare(config, cache=cache, device=device, progress=progress, verify=verify)


@contextmanager
def show_progress() -> Iterator[OnProgress]:
    """Show the progress of a long piece of work on standard error."""
    with progress_on(Console(stderr=True)) as progress:
        yield progress


def say(text: str) -> None:
    """Print plainly, each line in one piece however narrow the terminal."""
    Console().print(text, highlight=False, soft_wrap=True, markup=False)


def say_notes(notes: Iterable[str]) -> None:
    """Print what the user of a data set should know of it, as ``validate`` found it."""
    for note in notes:
        say(f"note: {note}")
