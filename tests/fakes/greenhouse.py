"""The folder of the tutorial: images of two modalities with their labels, all of them noise."""

from pathlib import Path

import numpy as np

from tests.fakes.data_sets.pictures import noise, save

__all__ = ["IMAGES", "write_greenhouse"]

IMAGES, BEDS, CLASSES = 240, 8, 3


def write_greenhouse(root: Path, *, images: int = IMAGES, labelled: bool = True) -> None:
    """Write the folder: ``rgb``, ``thermal`` and, if wanted, ``labels``."""
    for number in range(images):
        name = f"bed{number % BEDS + 1}_{number // BEDS + 1:03}"
        save(root / f"rgb/{name}.jpg", noise(name, 0, 255, channels=3))
        save(root / f"thermal/{name}.png", noise(f"{name} t", 18000, 42000, np.uint16))
        if labelled:
            save(root / f"labels/{name}.png", noise(f"{name} label", 0, CLASSES - 1))
