"""Small copies of data sets, and of a folder of the user's own images, for a test to edit."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.fakes.data_sets import MAKERS
from tests.fakes.data_sets.pictures import noise, save
from trainer.config.configuration import DataConfig
from trainer.datasets import open_dataset
from trainer.datasets.files import FileSource

__all__ = ["Copy", "Kind", "copy_data_set", "own_images"]

#: The main modality, another modality with separate files, and the labels.
Kind = Literal["rgb", "second", "label"]

LAYOUTS = {"nyu": "common"}  # where the first one is not suitable
OWN = ("a", "b", "c")  # names of the user's own images


@dataclass(frozen=True, kw_only=True)
class Copy:
    """Files on the disk."""

    root: Path
    #: Kind to its files, sorted by path.
    files: dict[Kind, list[Path]]
    #: Files that list names.
    lists: list[Path]
    #: The description, if the data set has one.
    description: Path | None = None
    config: DataConfig | None = None


def copy_data_set(name: str, root: Path) -> Copy:
    """A valid copy of a data set, under ``root``."""
    layouts = MAKERS[name].LAYOUTS
    config: DataConfig = layouts[LAYOUTS.get(name, next(iter(layouts)))](root)
    source = open_dataset(config).source
    assert isinstance(source, FileSource)
    first, *others = config.modalities
    files: dict[Kind, list[Path]] = {"rgb": _paths(source, first), "second": []}
    if others and not source.shared_file(first, others[0]):
        files["second"] = _paths(source, others[0])
    files["label"] = sorted(source.labels.values())
    description = root / "dataset.toml"
    return Copy(
        root=root,
        files=files,
        lists=sorted(root.rglob("*.txt")),
        description=description if description.is_file() else None,
        config=config,
    )


def own_images(root: Path) -> Copy:
    """Images for a model of the folder data set: colour, and 16 bits of thermal."""
    for name in OWN:
        save(root / f"rgb/{name}.png", noise(name, 0, 255, channels=3))
        save(root / f"thermal/{name}.png", noise(f"{name} t", 18000, 42000, "uint16"))
    files: dict[Kind, list[Path]] = {
        "rgb": sorted((root / "rgb").iterdir()),
        "second": sorted((root / "thermal").iterdir()),
        "label": [],
    }
    return Copy(root=root, files=files, lists=[])


def _paths(source: FileSource, modality: str) -> list[Path]:
    found = source.images[modality].values()
    return sorted(path if isinstance(path, Path) else path[0] for path in found)
