"""A training step from the feature cache, compared with one that runs the frozen backbone.

    python -m benchmarks.step [--device cuda] [--batches 8 32] [--repeats 5] [--quick]

The latter follows the published trainer's order of work: each step decodes and resizes the queries
and their positives in both modalities, runs the frozen ViT-S/16 on them without gradients, and
then trains like ours. Weights and images are random, because neither affects the time. The table
also shows each step's share of the machine's product rate: the operations that PyTorch counts in
it, divided by its time and by the rate of one large product, measured in the same turns. bf16 is
left out on a processor without instructions for it. Needs neither Optuna nor Ray nor a database.
"""

import argparse
import dataclasses
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import PIL.Image
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.markdown import markdown_table
from benchmarks.measuring import Timing, append_result, interleaved, machine, machine_text
from benchmarks.random_features import FeatureSize, random_features
from trainer.backbones import Backbone, build_backbone
from trainer.config.configuration import BackboneConfig, TrainConfig
from trainer.engine.slots import Slots
from trainer.nn.bf16_instructions import slow_precision
from trainer.seeds import numpy_generator, torch_generator

__all__ = [
    "FULL",
    "QUICK",
    "Size",
    "count_operations",
    "main",
    "product",
    "start_slots",
    "text",
]

Precision = Literal["fp32", "bf16"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")
TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
HEADER = (
    "batch",
    "what",
    "seconds: min / median / max",
    "times as fast as with the backbone",
    "share of the product rate, %",
)


@dataclass(frozen=True, kw_only=True)
class Size:
    """Size of the measurements."""

    features: FeatureSize
    backbone: str
    #: Side in pixels of a decoded image before it is cropped to a square.
    image: int
    #: Side of the large product.
    product: int
    #: Numbers of the large copy.
    copy: int


FULL = Size(
    features=FeatureSize(),
    backbone="vit_small_patch16_224",
    image=480,
    product=2048,
    copy=2**25,
)
QUICK = Size(
    features=FeatureSize(crops=32, grid=2, channels=192, labels=32),
    backbone="vit_tiny_patch16_224",
    image=48,
    product=128,
    copy=2**12,
)


class WithBackbone:
    """A step in the published trainer's order of work."""

    def __init__(self, size: Size, batch: int, device: torch.device, step: Callable[[], None]):
        self._size, self._device, self._step = size, device, step
        config = BackboneConfig(name=size.backbone, weights="random")
        self._backbone: Backbone = build_backbone(config, device)
        # the queries and their positives, in each modality
        self._files = [_jpeg(size.image, seed) for seed in range(8)]
        self._count = 2 * batch * len(size.features.modalities)

    def __call__(self) -> None:
        """Decode, run the backbone, train."""
        side = self._size.features.grid * self._backbone.patch
        images = [_decoded(self._files[index % 8], side) for index in range(self._count)]
        with torch.no_grad():
            for begin in range(0, self._count, 32):
                batch = torch.stack(images[begin : begin + 32]).to(self._device)
                self._backbone.features(batch)
        self._step()


def _jpeg(side: int, seed: int) -> bytes:
    pixels = numpy_generator("benchmark", "image", seed).integers(0, 256, (side, side, 3))
    file = io.BytesIO()
    PIL.Image.fromarray(pixels.astype(np.uint8)).save(file, "JPEG")
    return file.getvalue()


def _decoded(file: bytes, side: int) -> Tensor:
    with PIL.Image.open(io.BytesIO(file)) as picture:
        pixels = np.asarray(picture.resize((side, side), PIL.Image.Resampling.BILINEAR))
    return torch.from_numpy(pixels.astype(np.float32) / 255).permute(2, 0, 1)


def start_slots(size: Size, batch: int, precision: Precision, device: torch.device) -> Slots:
    """One slot that trains UniM2 on random features."""
    config = TrainConfig()
    training = dataclasses.replace(config.training, batch_size=batch, precision=precision)
    config = dataclasses.replace(config, training=training)
    return Slots.start([config], random_features(size.features), device)


def count_operations(run: Callable[[], object]) -> int:
    """Number of floating-point operations in a run that PyTorch counts, those of products."""
    with FlopCounterMode(display=False) as counter:
        run()
    total: int = counter.get_total_flops()
    return total


def product(side: int, precision: Precision, device: torch.device) -> Callable[[], None]:
    """A product of two square matrices."""
    generator = torch_generator("benchmark", "product")
    factor = torch.randn(side, side, generator=generator).to(device, TYPES[precision])

    def run() -> None:
        torch.mm(factor, factor)

    return run


def measure(
    size: Size, batch: int, *, device: torch.device, repeats: int
) -> tuple[dict[str, Timing], dict[str, float]]:
    """Timings by name, and the share of the product rate of each of our steps."""
    fast = [each for each in PRECISIONS if slow_precision(device.type, each) is None]
    slots = {each: start_slots(size, batch, each, device) for each in fast}
    contestants: dict[str, Callable[[], None]] = {}
    for each in fast:
        contestants[f"ours, {each}"] = slots[each].step
        contestants[f"product, {each}"] = product(size.product, each, device)
    contestants["with the backbone, fp32"] = WithBackbone(size, batch, device, slots["fp32"].step)
    operations = count_operations(slots["fp32"].step)
    times = interleaved(contestants, repeats=repeats, device=device)
    shares = {}
    for each in fast:
        rate = 2 * size.product**3 / times[f"product, {each}"].median
        shares[f"ours, {each}"] = operations / times[f"ours, {each}"].median / rate
    return times, shares


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and save the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.step", description=__doc__)
    parser.add_argument("--device", default="cpu", type=torch.device)
    parser.add_argument("--batches", nargs="+", type=int, default=[8, 32])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--quick", action="store_true", help="tiny sizes; results are not saved")
    asked = parser.parse_args(arguments)
    torch.set_num_threads(asked.threads)
    size = QUICK if asked.quick else FULL
    rows = []
    for batch in asked.batches:
        times, shares = measure(size, batch, device=asked.device, repeats=asked.repeats)
        slow = times["with the backbone, fp32"]
        for name, each in times.items():
            is_step = not name.startswith("product")
            rows.append(
                {
                    "batch": batch,
                    "what": name,
                    "seconds": [round(value, 4) for value in each.seconds],
                    "times_as_fast": slow.median / each.median if is_step else None,
                    "share_of_product_rate": shares.get(name),
                }
            )
    record = {"rows": rows, **machine(asked.device)}
    print(text(record))
    if not asked.quick:
        print(f"saved to {append_result('step', [record])}")


def text(record: Mapping[str, Any]) -> str:
    """A measurement as a table."""
    cells = [
        (
            row["batch"],
            row["what"],
            Timing(seconds=tuple(row["seconds"])).text(),
            "" if row["times_as_fast"] is None else f"{row['times_as_fast']:.1f}",
            _percent(row["share_of_product_rate"]),
        )
        for row in record["rows"]
    ]
    return f"{machine_text(record)}:\n\n{markdown_table(HEADER, cells)}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f}"


if __name__ == "__main__":
    main()
