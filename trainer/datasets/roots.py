"""The folder of a data set on disk."""

from pathlib import Path

from trainer.config.configuration import DataConfig
from trainer.datasets.names import native
from trainer.errors import DataError

__all__ = ["find_root"]


def find_root(config: DataConfig, *, holds: str) -> Path:
    """The folder that ``data.root`` names.

    Args:
        config: The data set's configuration.
        holds: The expected contents of the folder, for the message.

    Raises:
        DataError: If no folder is given or it does not exist.
    """
    if config.root is None:
        raise DataError(
            f"the data set {config.name!r} needs a folder: set data.root to the one that holds"
            f" {holds}"
        )
    root = native(config.root)
    if not root.is_dir():
        raise DataError(f"data.root = {config.root!r} does not exist: give an existing folder")
    return root
