"""A description of a data set in place of a configuration, and what it says about a run.

``trainer/datasets/folder`` reads descriptions whole. Here is only what decides about settings:
that a TOML file is one, and which modalities it has.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer.config.paths import user_path
from trainer.config.toml_records import read_toml
from trainer.errors import ConfigError

__all__ = ["DESCRIPTION", "FOLDER", "described_data", "described_modalities", "is_description"]

#: The description's name where ``data.root`` is a folder.
DESCRIPTION = "dataset.toml"
#: ``data.name`` of a data set that a file describes.
FOLDER = "folder"
ANCHOR = "rgb"  # comes first wherever it is among the modalities


def is_description(table: Mapping[str, Any]) -> bool:
    """Whether a TOML table describes a data set, and not a run."""
    return isinstance(table.get("modalities"), Mapping) and "data" not in table


def described_data(file: Path) -> dict[str, Any]:
    """The table ``[data]`` of a run on a described data set, without its modalities."""
    return {"name": FOLDER, "root": str(file)}


def described_modalities(root: str) -> tuple[Path, list[str]] | None:
    """The description that ``data.root`` means, and its modalities, ``rgb`` first.

    Args:
        root: A description, or the folder that holds it.

    Returns:
        None where there is none to read; whoever opens the data set says so.
    """
    path = user_path(root)
    file = path / DESCRIPTION if path.is_dir() else path
    try:
        table = read_toml(file)
    except ConfigError:
        return None
    if not is_description(table):
        return None
    return file, sorted(table["modalities"], key=lambda name: name != ANCHOR)  # sorts stably
