"""Small rooms, drawn."""

from pathlib import Path

from trainer.config.configuration import DataConfig


def drawn(root: Path) -> DataConfig:
    """A few small pictures; nothing is written."""
    return DataConfig(name="rooms", options={"train": 2, "val": 1, "test": 1, "size": 32})


LAYOUTS = {"drawn": drawn}
PIXEL_OPTIONS = {"size": 40}
