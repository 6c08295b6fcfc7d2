"""Small copies of MCubeS."""

from pathlib import Path

import numpy as np

from tests.fakes.data_sets.pictures import noise, save, waves, write_list
from trainer.config.configuration import DataConfig

MODALITIES = ("rgb", "nir", "aolp", "dolp")
NAMES = ("scene1_0001", "scene1_0002", "scene2_0001", "scene3_0001")
OFFSET = 8


def write_image(root: Path, name: str, *, bits: int = 16, labelled: bool = True) -> None:
    """All modalities of an image, and its label."""
    wide = bits == 16
    colour = noise(name, 0, 2**bits - 1, np.uint16 if wide else np.uint8, channels=3)
    save(root / f"polL_color/{name}.png", colour)
    save(root / f"NIR_warped/{name}.png", noise(f"{name} nir", 0, 40000, np.uint16))
    sine, cosine = waves(name)
    save(root / f"polL_aolp_sin/{name}.npy", sine)
    save(root / f"polL_aolp_cos/{name}.npy", cosine)
    # measured degrees leave their range a little
    dolp = noise(f"{name} dolp", -20, 1020, np.float32) / np.float32(1000)
    save(root / f"polL_dolp/{name}.npy", dolp)
    if labelled:
        label = noise(f"{name} label", 0, 20)
        save(root / f"GT/{name}.png", np.where(label == 20, 255, label).astype(np.uint8))


def authors(root: Path) -> DataConfig:
    """As the authors distribute it, except that 8 columns are dropped instead of 192."""
    for name in NAMES:
        write_image(root, name)
    write_list(root / "list_folder/train.txt", *NAMES[:2])
    write_list(root / "list_folder/val.txt", NAMES[2])
    write_list(root / "list_folder/test.txt", NAMES[3])
    return DataConfig(
        name="mcubes", root=str(root), modalities=MODALITIES, options={"left_offset": OFFSET}
    )


def cut_already(root: Path) -> DataConfig:
    """8-bit colour, no columns to drop, no labels, one list."""
    for name in NAMES:
        write_image(root, name, bits=8, labelled=False)
    write_list(root / "list_folder/train.txt", *NAMES)
    return DataConfig(
        name="mcubes", root=str(root), modalities=MODALITIES, options={"left_offset": 0}
    )


LAYOUTS = {"authors": authors, "no labels": cut_already}
PIXEL_OPTIONS = {"left_offset": 4, "range": "per-image"}


def sample(data: Path, root: Path) -> DataConfig:
    """The real images in their folder; they have no columns to drop."""
    return DataConfig(
        name="mcubes",
        root=str(data / "mcubes_like"),
        modalities=MODALITIES,
        options={"left_offset": 0},
    )
