"""Tiny copies of NYU-Depth-v2 in each layout that is accepted.

A copy has eight frames to train on and three to test on, of a room that a tilted camera sees:
floor, wall and a box, the box elsewhere in each frame.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from trainer.config.configuration import DataConfig

__all__ = ["CAMERA", "LAYOUTS", "PIXEL_OPTIONS", "make_nyu", "sample"]

PIXEL_OPTIONS = {"classes": 4}

Layout = Literal["archive", "archive-png", "common", "metres", "millimetres"]

HEIGHT, WIDTH = 24, 32
#: For ``[data.options.intrinsics]``.
CAMERA = {"fx": 26.0, "fy": 26.0, "cx": 15.5, "cy": 11.5}
TRAIN, TEST = (2, 3, 4, 5, 9, 10, 11, 14), (6, 7, 12)
WALL, FLOOR, CABINET = 1, 2, 3

Suffixes = dict[str, str]
#: Folder to extension of the files in it, by layout.
FILES: dict[Layout, Suffixes] = {
    "archive": {"RGB": ".jpg", "HHA": ".png", "Labels": ".png"},
    "archive-png": {"RGB": ".png", "HHA": ".png", "Labels": ".png"},
    "common": {"RGB": ".jpg", "HHA": ".jpg", "Depth": ".npy", "Label": ".png"},
    "metres": {"rgb": ".png", "Depth": ".npy", "label": ".png"},
    "millimetres": {"RGB": ".jpeg", "depth": ".png", "Label": ".png"},
}


def make_nyu(root: Path, *, layout: Layout = "common") -> DataConfig:
    """Write a copy under ``root``.

    ``archive`` and ``archive-png`` have RGB with rows for columns; ``common``, ``metres`` and
    ``millimetres`` do not. ``metres`` has no HHA files; ``millimetres`` becomes inverse depth.
    """
    for number in (*TRAIN, *TEST):
        arrays = draw_frame(number)
        name = f"{number:04d}" if layout.startswith("archive") else str(number)
        for folder, suffix in FILES[layout].items():
            array = arrays[folder.lower().rstrip("s")]
            if layout.startswith("archive") and folder == "RGB":
                array = array.swapaxes(0, 1)
            write(root / folder / f"{name}{suffix}", array)
    _write_lists(root, layout)
    options: dict[str, Any] = {}
    if layout == "metres":
        options = {"intrinsics": CAMERA}
    if layout == "millimetres":
        options = {"depth_encoding": "inverse"}
    return DataConfig(name="nyu", root=str(root), modalities=("rgb", "depth"), options=options)


def sample(data: Path, root: Path) -> DataConfig:
    """One real frame under five names."""
    frame = data / "nyu_frame"
    for folder, suffix in FILES["common"].items():
        (root / folder).mkdir(parents=True)
        for number in range(5):
            (root / folder / f"{number}{suffix}").symlink_to(frame / folder / f"0{suffix}")
    (root / "train.txt").write_text("0\n1\n2\n3\n", encoding="utf-8")
    (root / "test.txt").write_text("4\n", encoding="utf-8")
    return DataConfig(name="nyu", root=str(root), modalities=("rgb", "depth"))


def draw_frame(number: int) -> dict[str, NDArray[Any]]:
    """``rgb``, ``hha``, ``depth`` in metres and ``label`` of a frame."""
    rng = np.random.default_rng(number)
    down = (np.arange(HEIGHT)[:, None] - CAMERA["cy"]) / CAMERA["fy"]
    depth = np.broadcast_to(np.where(down > 0.25, 1 / np.maximum(down, 0.25), 4), (HEIGHT, WIDTH))
    label = np.where(down > 0.25, FLOOR, WALL) * np.ones((1, WIDTH), dtype=np.int64)
    left = int(rng.integers(2, WIDTH - 10))
    depth, box = depth.copy(), (slice(8, 18), slice(left, left + 8))
    depth[box], label[box], label[0] = 1.5, CABINET, 0
    colours = np.array([[0, 0, 0], [200, 190, 180], [120, 80, 40], [60, 90, 160]])
    rgb = np.clip(colours[label] + rng.integers(-9, 10, (HEIGHT, WIDTH, 1)), 0, 255)
    hha = np.stack([310 / depth, 200 - 8 * np.arange(HEIGHT)[:, None] + 0 * depth, 60 * label], 2)
    return {
        "rgb": rgb.astype(np.uint8),
        "hha": np.clip(hha, 0, 255).astype(np.uint8),
        "depth": depth.astype(np.float32),
        "label": label.astype(np.uint8),
    }


def write(path: Path, array: NDArray[Any]) -> None:
    """One file; metres become millimetres in a PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, array)
        return
    if array.dtype == np.float32:
        array = np.round(array * 1000).astype(np.uint16)
    PIL.Image.fromarray(np.ascontiguousarray(array)).save(path)


def _write_lists(root: Path, layout: Layout) -> None:
    if layout.startswith("archive"):
        lines = {"train.txt": [f"{n:04d}" for n in TRAIN], "val.txt": [f"{n:04d}" for n in TEST]}
    else:
        lines = {
            "train.txt": [f"RGB/{n}.jpg\tLabel/{n}.png" for n in TRAIN],
            "test.txt": [f"RGB/{n}.jpg\tLabel/{n}.png" for n in TEST],
        }
    for name, each in lines.items():
        (root / name).write_text("\n".join(each) + "\n", encoding="utf-8")


#: Layout to the function that makes a copy in it.
LAYOUTS: dict[str, Callable[[Path], DataConfig]] = {
    layout: partial(make_nyu, layout=layout) for layout in FILES
}
