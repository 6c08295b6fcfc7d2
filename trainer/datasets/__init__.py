"""Table of data sets by name. A new one is a file with a function and a line in the table."""

import dataclasses

from trainer.causes import group_alike
from trainer.config.configuration import DataConfig
from trainer.datasets.base import DataSet
from trainer.datasets.cityscapes import CityscapesOptions, open_cityscapes
from trainer.datasets.cocostuff27 import CocoStuff27Options, open_cocostuff27
from trainer.datasets.entry import DataSetEntry
from trainer.datasets.folder import open_folder
from trainer.datasets.image_fusion import open_with_fused
from trainer.datasets.mcubes import MCubeSOptions, open_mcubes
from trainer.datasets.mfnet import MFNetOptions, open_mfnet
from trainer.datasets.nyu import NYUOptions, open_nyu
from trainer.datasets.rooms import RoomsOptions, open_rooms
from trainer.errors import ConfigError, DataError

__all__ = ["DATASETS", "DataSet", "DataSetEntry", "find_dataset", "open_dataset"]

#: Name in ``data.name`` to data set.
DATASETS: dict[str, DataSetEntry] = {
    "cityscapes": DataSetEntry(open=open_cityscapes, options=CityscapesOptions),
    "cocostuff27": DataSetEntry(open=open_cocostuff27, options=CocoStuff27Options),
    "folder": DataSetEntry(open=open_folder),
    "mcubes": DataSetEntry(open=open_mcubes, options=MCubeSOptions),
    "mfnet": DataSetEntry(open=open_mfnet, options=MFNetOptions),
    "nyu": DataSetEntry(open=open_nyu, options=NYUOptions),
    "rooms": DataSetEntry(open=open_rooms, options=RoomsOptions),
}


def open_dataset(config: DataConfig) -> DataSet:
    """Open the configured data set: find its images and split them, without decoding any.

    Raises:
        ConfigError: If the name, a modality or an option is unknown.
        DataError: If its folder is missing, or an image lacks a file.
    """
    data_set = find_dataset(config)
    if data_set.faults:
        raise DataError(_all_faults(data_set.faults))
    return data_set


def _all_faults(faults: tuple[str, ...]) -> str:
    """The first fault, and how many others there are."""
    first, *others = group_alike(faults)
    counts = (
        (first.count - 1, "more like it"),
        (sum(other.count for other in others), "of other kinds"),
    )
    rest = " and ".join(f"{count} {what}" for count, what in counts if count)
    more = f" ({rest}: `python -m trainer inspect FILE` names each kind, with --json each file)"
    return first.text + more * bool(rest)


def find_dataset(config: DataConfig) -> DataSet:
    """Like :func:`open_dataset`, but missing files are listed as faults instead of refused.

    Raises:
        ConfigError: If the name, a modality or an option is unknown.
        DataError: If its folder is missing, or the remaining images cannot be split.
    """
    if config.name not in DATASETS:
        raise ConfigError(
            f"data.name = {config.name!r} is not known: choose one of {', '.join(DATASETS)}"
        )
    data_set = open_with_fused(config, DATASETS[config.name].open)
    empty = tuple(
        f"the {name} split of {config.name!r} has no images: add some"
        for name, split in data_set.splits().items()
        if not len(split)
    )
    return dataclasses.replace(data_set, faults=(*data_set.faults, *empty))
