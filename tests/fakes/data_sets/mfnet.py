"""Small copies of MFNet."""

from dataclasses import replace
from pathlib import Path

from tests.fakes.data_sets.pictures import link, noise, save, write_list
from trainer.config.configuration import DataConfig

NAMES = ("00001D", "00002D", "00003N", "00004N")


def write_pair(root: Path, name: str, *, labelled: bool) -> None:
    """RGB and thermal in one file, and a label."""
    save(root / f"images/{name}.png", noise(name, 0, 255, channels=4))
    if labelled:
        save(root / f"labels/{name}.png", noise(f"{name} label", 0, 8))


def authors(root: Path) -> DataConfig:
    """As the authors distribute it: all three lists, and mirrored images in train."""
    for name in NAMES:
        write_pair(root, name, labelled=True)
    write_list(root / "train.txt", NAMES[0], f"{NAMES[0]}_flip", NAMES[1])
    write_list(root / "val.txt", NAMES[2])
    write_list(root / "test.txt", NAMES[3])
    return DataConfig(name="mfnet", root=str(root), modalities=("rgb", "thermal"))


def stored_flips(root: Path) -> DataConfig:
    """Mirrored images have files of their own."""
    config = authors(root)
    write_pair(root, f"{NAMES[0]}_flip", labelled=True)
    return config


def released(root: Path) -> DataConfig:
    """As the released archive: lists of train and test."""
    config = authors(root)
    (root / "val.txt").unlink()
    return config


def without_labels(root: Path) -> DataConfig:
    """Images and a list of train alone."""
    for name in NAMES:
        write_pair(root, name, labelled=False)
    write_list(root / "train.txt", *NAMES)
    return DataConfig(name="mfnet", root=str(root), modalities=("rgb", "thermal"))


def with_fused(root: Path) -> DataConfig:
    """RGB, thermal and fused images."""
    return replace(authors(root), modalities=("rgb", "thermal", "fused"))


LAYOUTS = {
    "authors": authors,
    "fused": with_fused,
    "stored flips": stored_flips,
    "released": released,
    "no labels": without_labels,
}


def sample(data: Path, root: Path) -> DataConfig:
    """Three of the real pairs; two are the data set's own files."""
    names = ("01234N", "01477D", "00055D")
    for name in names:
        link(root / f"images/{name}.png", data / f"mfnet/images/{name}.png")
    write_list(root / "train.txt", *names)
    return DataConfig(name="mfnet", root=str(root), modalities=("rgb", "thermal"))
