"""Data sets, by name. A new one is a file with a function and a line in this table."""

from collections.abc import Callable

from trainer.config import DataConfig
from trainer.datasets.base import DataSet
from trainer.datasets.cityscapes import open_cityscapes
from trainer.datasets.rooms import open_rooms
from trainer.errors import ConfigError, DataError

__all__ = ["DATASETS", "DataSet", "open_dataset"]

#: Name to the function that opens the data set as configured.
DATASETS: dict[str, Callable[[DataConfig], DataSet]] = {
    "cityscapes": open_cityscapes,
    "rooms": open_rooms,
}


def open_dataset(config: DataConfig) -> DataSet:
    """Open the configured data set: find its images and split them; decodes none.

    Raises:
        ConfigError: If the name, a modality or an option is unknown.
        DataError: If its folder, its images or their partners are missing.
    """
    if config.name not in DATASETS:
        raise ConfigError(
            f"data.name = {config.name!r} is not known: choose one of {', '.join(DATASETS)}"
        )
    data_set = DATASETS[config.name](config)
    for split, images in (
        ("train", data_set.train),
        ("val", data_set.val),
        ("test", data_set.test),
    ):
        if not len(images):
            raise DataError(f"the {split} split of {config.name!r} has no images: add some")
    return data_set
