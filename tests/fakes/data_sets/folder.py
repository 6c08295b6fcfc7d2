"""Small folders of a user's own images."""

from pathlib import Path

import numpy as np

from tests.fakes.data_sets.pictures import noise, save, write_list
from trainer.config.configuration import DataConfig

NAMES = ("a_1", "a_2", "b_1", "c_1")
MODALITIES = ("rgb", "thermal", "height", "angle")

DESCRIPTION = """
classes = ["ground", "plant", "building"]
palette = [[80, 60, 40], [60, 160, 60], [200, 60, 60]]

[modalities.rgb]
files = "colour/{name}.png"

[modalities.thermal]
files = "{name}/thermal.png"
encoding = "grey"
bits = 16
range = [20000, 40000]

[modalities.height]
files = "height/{name}.npy"
encoding = "grey"
range = [-1.0, 30.0]

[modalities.angle]
files = "angle/{name}.npy"
encoding = "angle"
period = 180

[labels]
files = "labels/{name}.png"
first = 1
ignore = [0]
"""

LISTS = """
[splits]
train = "train.txt"
val = "lists/val.txt"
test = "lists/test.txt"
"""

SHARES = """
[splits]
val = 0.25
test = 0.25
scene = "^[a-z]"
"""


def write_image(root: Path, name: str) -> None:
    """All modalities of an image, and its label."""
    save(root / f"colour/{name}.png", noise(name, 0, 255, channels=3))
    save(root / f"{name}/thermal.png", noise(f"{name} t", 18000, 42000, np.uint16))
    save(root / f"height/{name}.npy", noise(f"{name} h", -2, 31, np.float64))
    save(root / f"angle/{name}.npy", noise(f"{name} angle", 0, 180, np.int16))
    save(root / f"labels/{name}.png", noise(f"{name} label", 0, 3))


def write_images(root: Path) -> None:
    """Four images of three scenes."""
    for name in NAMES:
        write_image(root, name)


def lists(root: Path) -> DataConfig:
    """A list for each split; the folder is named."""
    write_images(root)
    (root / "dataset.toml").write_text(DESCRIPTION + LISTS, encoding="utf-8")
    write_list(root / "train.txt", *NAMES[:2])
    write_list(root / "lists/val.txt", NAMES[2])
    write_list(root / "lists/test.txt", NAMES[3])
    return DataConfig(name="folder", root=str(root), modalities=MODALITIES)


def shares(root: Path) -> DataConfig:
    """Splits by share, without labels; the file is named."""
    write_images(root)
    without_labels = DESCRIPTION.partition("[labels]")[0]
    (root / "mine.toml").write_text(without_labels + SHARES, encoding="utf-8")
    return DataConfig(name="folder", root=str(root / "mine.toml"), modalities=MODALITIES)


LAYOUTS = {"lists": lists, "shares, no labels": shares}
