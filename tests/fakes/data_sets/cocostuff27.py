"""Tiny copies of COCO-Stuff-27 in the layout that is accepted, with labels and without."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import PIL.Image

from trainer.config.configuration import DataConfig

__all__ = ["LAYOUTS", "make_cocostuff27"]

Layout = Literal["curated", "unlabelled"]

HEIGHT, WIDTH = 24, 32
IMAGES = {"train2017": 6, "val2017": 3}
LISTS = {
    "train2017": "Coco164kFull_Stuff_Coarse.txt",
    "val2017": "Coco164kFull_Stuff_Coarse_7.txt",
}


def make_cocostuff27(root: Path, *, layout: Layout = "curated") -> DataConfig:
    """Write a copy under ``root``: six images to train on, of which one is grey, three to test on.

    Beside those of the lists there is one image more, as in the whole COCO; ``unlabelled`` has
    no folder ``annotations``.
    """
    for folder, count in IMAGES.items():
        names = [f"{7 * number:012d}" for number in range(count + 1)]
        for number, name in enumerate(names):
            _write_image(root, folder, name, number, labelled=layout == "curated")
        path = root / "curated" / folder / LISTS[folder]
        path.parent.mkdir(parents=True)
        path.write_text("\n".join(names[:-1]) + "\n", encoding="utf-8")
    return DataConfig(
        name="cocostuff27",
        root=str(root),
        modalities=("rgb",),
        options={"held_out_share": 0.3},
    )


def _write_image(root: Path, folder: str, name: str, number: int, *, labelled: bool) -> None:
    rng = np.random.default_rng(number)
    image = rng.integers(0, 256, (HEIGHT, WIDTH) if number == 0 else (HEIGHT, WIDTH, 3))
    label = rng.choice([0, 5, 106, 156, 181, 255], (HEIGHT, WIDTH))
    arrays = {root / "images" / folder / f"{name}.jpg": image}
    if labelled:
        arrays[root / "annotations" / folder / f"{name}.png"] = label
    for path, array in arrays.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(array.astype(np.uint8)).save(path)


#: Layout to the function that makes a copy in it.
LAYOUTS: dict[str, Callable[[Path], DataConfig]] = {
    "curated": make_cocostuff27,
    "unlabelled": partial(make_cocostuff27, layout="unlabelled"),
}
