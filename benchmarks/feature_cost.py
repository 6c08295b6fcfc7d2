"""What features cost beside the bare forward pass of their backbone.

    python -m benchmarks.feature_cost [--device cuda] [--images 48] [--repeats 5] [--quick]

A folder of random JPEG images with PNG depth is prepared into an empty cache: decoding, cropping,
resizing, the frozen ViT-S/16, neighbours, writing. In turns with it, the same backbone runs on as
many squares that are in memory already, at the same batch. *Again* is the next preparation, which
finds the features in the cache. Needs neither Optuna nor Ray nor a database.
"""

import argparse
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch

from benchmarks.markdown import markdown_table
from benchmarks.measuring import Timing, append_result, interleaved, machine, machine_text
from trainer.backbones import build_backbone
from trainer.config.configuration import BackboneConfig, DataConfig, FeatureConfig, TrainConfig
from trainer.features import prepare
from trainer.features.extraction import BATCH
from trainer.seeds import numpy_generator

__all__ = ["main", "text"]

PREPARED, BARE, AGAIN = "features into an empty cache", "bare forward pass", "again"
HEADER = ("what", "seconds: min / median / max", "times the bare forward pass")
MODALITIES = ("rgb", "depth")
DESCRIPTION = """\
classes = 4

[modalities.rgb]
files = "rgb/{name}.jpg"

[modalities.depth]
files = "depth/{name}.png"
encoding = "grey"
bits = 16
"""


@dataclass(frozen=True, kw_only=True)
class Size:
    """Size of the measurement."""

    backbone: str = "vit_small_patch16_224"
    #: Rows and columns of an image, in pixels.
    image: tuple[int, int] = (480, 640)
    #: Side of a square, in pixels.
    square: int = 224


QUICK = Size(backbone="vit_tiny_patch16_224", image=(48, 64), square=32)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, save the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.feature_cost", description=__doc__)
    parser.add_argument("--device", default="cpu", type=torch.device)
    parser.add_argument("--images", type=int, default=48)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="tiny; results are not saved")
    asked = parser.parse_args(arguments)
    size = QUICK if asked.quick else Size()
    with tempfile.TemporaryDirectory() as folder:
        images = 8 if asked.quick else asked.images
        times = measure(size, images, Path(folder), device=asked.device, repeats=asked.repeats)
    seconds = {name: [round(each, 3) for each in timing.seconds] for name, timing in times.items()}
    record = {"images": images, "seconds": seconds, **machine(asked.device)}
    print(text(record))
    if not asked.quick:
        print(f"saved to {append_result('feature_cost', [record])}")


def measure(
    size: Size, images: int, folder: Path, *, device: torch.device, repeats: int
) -> dict[str, Timing]:
    """Timings of the preparation, of the bare forward pass, and of the next preparation."""
    data, cache = folder / "data", folder / "cache"
    write_images(data, images, size)
    config = TrainConfig(
        data=DataConfig(name="folder", root=str(data), modalities=MODALITIES),
        backbone=BackboneConfig(name=size.backbone, weights="random"),
        features=FeatureConfig(
            train_resolution=size.square, eval_resolution=size.square, crop="none"
        ),
    )
    backbone = build_backbone(config.backbone, device)
    squares = torch.rand(BATCH, 3, size.square, size.square, device=device)

    def build() -> None:
        shutil.rmtree(cache, ignore_errors=True)
        prepare(config, cache=cache, device=device)

    def bare() -> None:
        count = images * len(MODALITIES)
        for begin in range(0, count, BATCH):
            backbone.features(squares[: min(BATCH, count - begin)])

    def again() -> None:
        prepare(config, cache=cache, device=device, verify="small")

    with torch.no_grad():
        return interleaved(
            {PREPARED: build, AGAIN: again, BARE: bare}, repeats=repeats, device=device
        )


def write_images(folder: Path, images: int, size: Size) -> None:
    """A described folder of images with the texture of photographs, which decide their size."""
    generator = numpy_generator("benchmark", "photographs")
    for name in MODALITIES:
        (folder / name).mkdir(parents=True)
    (folder / "dataset.toml").write_text(DESCRIPTION, encoding="utf-8")
    height, width = size.image
    for index in range(images):
        coarse = generator.integers(0, 256, (height // 8, width // 8, 3)).astype(np.uint8)
        picture = PIL.Image.fromarray(coarse).resize((width, height), PIL.Image.Resampling.BICUBIC)
        picture.save(folder / "rgb" / f"{index:04}.jpg", quality=92)
        depth = (np.asarray(picture)[..., 0].astype(np.uint16) * 200) + 500
        PIL.Image.fromarray(depth).save(folder / "depth" / f"{index:04}.png")


def text(record: Mapping[str, Any]) -> str:
    """A measurement as a table."""
    times = {name: Timing(seconds=tuple(each)) for name, each in record["seconds"].items()}
    bare = times[BARE].median
    rows = [(name, each.text(), f"{each.median / bare:.2f}") for name, each in times.items()]
    where = f"{record['images']} images in two modalities; {machine_text(record)}"
    return f"{where}:\n\n{markdown_table(HEADER, rows)}"


if __name__ == "__main__":
    main()
