"""Cost of scoring a split: ours against upsampling the K-dimensional code.

    python -m benchmarks.evaluation [--short] [--images 500] [--repeats 3] [--threads 2]

Three ways to the same predictions of both probes, each in its own process to measure its peak
memory: ours (``trainer.scoring.evaluation``, which upsamples Y inner products); the code upsampled
image by image, the fastest form of this that we found; and the code upsampled batch by batch, as
in the published code of STEGO and UniM2. Codes and weights are small whole numbers, centres have
length 8 and sides differ by powers of two, so that all three compute without rounding and the
predictions have to be equal in every pixel, including ties.

Exits with 1 if predictions differ or ours takes 2 GB of memory. Run it on an idle machine: if
other programs use its cores, threads wait for each other, most of all in ours.

Shape letters: N images, T tokens (H*W), K code channels, Y classes, h w label pixels.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from trainer.features.dataset_features import ValSplit
from trainer.methods.base import Method
from trainer.nn.interpolation import upsample
from trainer.scoring.evaluation import evaluate
from trainer.scoring.prediction import Scored, predict
from trainer.scoring.probes import unit_centres
from trainer.seeds import numpy_generator

MEMORY_TARGET = 2e9  # bytes
SPEED_TARGET = 3.0
RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes per unit of the reported peak memory
OURS = "inner products (ours)"
SHORT = {"images": 2, "side": 40, "classes": 5, "repeats": 1, "threads": 1}


@dataclass(frozen=True, kw_only=True)
class Size:
    """Size of the measurement; the defaults are those of the target."""

    images: int = 500
    side: int = 320
    tokens: int = 20  # down and across
    classes: int = 27
    width: int = 70
    batch: int = 16
    repeats: int = 3
    threads: int = 2


class Identity:
    """A method whose frozen features are the codes."""

    def encode(self, parameters: Any, buffers: Any, tokens_SMNTC: Tensor) -> Tensor:
        """The first modality."""
        return tokens_SMNTC[:, 0]


def make(folder: Path, size: Size) -> None:
    """Write codes and labels of a split."""
    generator = numpy_generator("benchmark", "evaluation")
    shape = (size.images, size.tokens, size.tokens, size.width)
    np.save(folder / "codes.npy", generator.integers(-7, 8, shape).astype(np.float16))
    squares = (size.images, size.side, size.side)
    np.save(folder / "labels.npy", generator.integers(0, size.classes, squares, dtype=np.uint8))


def open_split(folder: Path) -> ValSplit:
    """The split, memory-mapped like a cache entry."""
    codes, labels = (
        np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("codes", "labels")
    )
    return ValSplit(
        features={"codes": codes}, labels=labels, names=tuple(map(str, range(len(codes))))
    )


def scored(size: Size) -> Scored:
    """Both probes, with whole numbers; centres of length 8."""
    generator = numpy_generator("benchmark", "probes")
    centres_YK = generator.choice([-1.0, 1.0], (size.classes, size.width))
    centres_YK[:, 64:] = 0
    weights_YK = generator.integers(-3, 4, (size.classes, size.width))
    biases_Y = generator.integers(-9, 10, size.classes)
    probes = {
        "cluster.centres": torch.tensor(generator.permuted(centres_YK, axis=1)),
        "linear.weight": torch.tensor(weights_YK),
        "linear.bias": torch.tensor(biases_Y),
    }
    views = {name: values.float().unsqueeze(0) for name, values in probes.items()}
    return Scored(
        method=cast(Method, Identity()), parameters={}, buffers={}, probes=views, linear=True
    )


Predict = Callable[[Tensor, Scored, Size], tuple[Tensor, Tensor]]


def ours(codes_NTK: Tensor, model: Scored, size: Size) -> tuple[Tensor, Tensor]:
    """As in the evaluation."""
    grid, whole = (size.tokens, size.tokens), (size.side, size.side)
    made = predict(codes_NTK, model, grid=grid, size=whole)
    assert made.linear_Nhw is not None
    return made.clusters_Nhw, made.linear_Nhw


def code_by_image(codes_NTK: Tensor, model: Scored, size: Size) -> tuple[Tensor, Tensor]:
    """Upsample each image's code, then compare at every pixel."""
    pairs = [
        _compare(upsample(_maps(one_1TK, size), (size.side, size.side)), model)
        for one_1TK in torch.split(codes_NTK, 1)
    ]
    clusters, linear = zip(*pairs, strict=True)
    return torch.cat(clusters), torch.cat(linear)


def code_by_batch(codes_NTK: Tensor, model: Scored, size: Size) -> tuple[Tensor, Tensor]:
    """Upsample the batch's codes, then compare at every pixel."""
    maps_NKhw = functional.interpolate(
        _maps(codes_NTK, size), (size.side, size.side), mode="bilinear", align_corners=False
    )
    return _compare(maps_NKhw, model)


def _maps(codes_NTK: Tensor, size: Size) -> Tensor:
    maps_NTTK = codes_NTK.view(-1, size.tokens, size.tokens, size.width)
    return maps_NTTK.permute(0, 3, 1, 2).contiguous()


def _compare(codes_NKhw: Tensor, model: Scored) -> tuple[Tensor, Tensor]:
    flat_NKp = codes_NKhw.flatten(2)
    linear_NYp = model.probes["linear.weight"][0] @ flat_NKp
    linear_NYp += model.probes["linear.bias"][0][:, None]
    scores = (unit_centres(model.probes)[0] @ flat_NKp, linear_NYp)
    # max gives the same indices as argmax, faster on a CPU
    clusters, linear = (each.max(dim=1).indices.view(-1, *codes_NKhw.shape[2:]) for each in scores)
    return clusters, linear


VARIANTS: dict[str, Predict] = {
    OURS: ours,
    "code, image by image": code_by_image,
    "code, batch by batch": code_by_batch,
}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One run of one variant."""

    seconds: float
    #: Peak memory of its process, bytes.
    memory: int
    #: Count matrices of both probes.
    counts: list[list[list[int]]]


def run(name: str, folder: Path, size: Size, out: Path) -> Measured:
    """Score the split once, timed; then write its predictions, untimed, unless they exist."""
    torch.set_num_threads(size.threads)
    split, model, variant = open_split(folder), scored(size), VARIANTS[name]
    assert split.labels is not None
    warm_up = ValSplit(
        features={"codes": split.features["codes"][:1]}, labels=split.labels[:1], names=("0",)
    )
    with torch.no_grad():
        _score(name, warm_up, model, size)
        began = time.perf_counter()
        counts = _score(name, split, model, size)
        seconds = time.perf_counter() - began
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT
        if not out.exists():
            maps = [
                torch.stack(variant(codes, model, size)).to(torch.uint8).numpy()
                for codes in _batches(split, size)
            ]
            np.save(out, np.concatenate(maps, axis=1))
    return Measured(seconds=seconds, memory=memory, counts=counts)


def _batches(split: ValSplit, size: Size) -> Iterator[Tensor]:
    codes = split.features["codes"]
    starts = range(0, len(codes), size.batch)
    return (
        torch.from_numpy(np.array(codes[start : start + size.batch])).float().flatten(1, 2)
        for start in starts
    )


def _score(name: str, split: ValSplit, model: Scored, size: Size) -> list[list[list[int]]]:
    if name == OURS:
        made = evaluate(
            model,
            split,
            modalities=("codes",),
            batch_size=size.batch,
            device=torch.device("cpu"),
        )
        return [made.cluster_counts_YZ.tolist(), made.linear_counts_YY.tolist()]
    assert split.labels is not None
    counts = torch.zeros(2, size.classes**2, dtype=torch.int64)
    for start, codes in enumerate(_batches(split, size)):
        part = slice(start * size.batch, (start + 1) * size.batch)
        cells = torch.from_numpy(np.array(split.labels[part])).int() * size.classes
        for probe, maps in enumerate(VARIANTS[name](codes, model, size)):
            counts[probe] += torch.bincount(
                (cells + maps.int()).flatten(), minlength=size.classes**2
            )
    return counts.view(2, size.classes, size.classes).tolist()


def in_a_process(name: str, folder: Path, size: Size, out: Path) -> Measured:
    """The same in a separate process."""
    given = json.dumps({"name": name, "folder": str(folder), "size": vars(size), "out": str(out)})
    command = [sys.executable, "-m", "benchmarks.evaluation", "--run", given]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return Measured(**json.loads(output.splitlines()[-1]))


def compare(
    folder: Path, size: Size, measure: Callable[[str, Path, Size, Path], Measured]
) -> tuple[dict[str, list[Measured]], dict[str, int]]:
    """Measure every variant in turn, several times, and count the pixels in which each differs."""
    make(folder, size)
    found: dict[str, list[Measured]] = {name: [] for name in VARIANTS}
    files = {name: folder / f"{place}.npy" for place, name in enumerate(VARIANTS)}
    for _ in range(size.repeats):
        for name in VARIANTS:
            found[name].append(measure(name, folder, size, files[name]))
    first = np.load(files[OURS], mmap_mode="r")
    return found, {
        name: int(np.count_nonzero(np.load(file, mmap_mode="r") != first))
        for name, file in files.items()
    }


def report(found: dict[str, list[Measured]], differ: dict[str, int], size: Size) -> bool:
    """Print the table and whether predictions are equal, which is also returned."""
    print(
        f"{size.images} images of {size.side} x {size.side}, {size.classes} classes, codes of"
        f" {size.width} channels on {size.tokens} x {size.tokens} tokens, both probes;"
        f" {size.threads} threads; medians of {size.repeats}"
    )
    print(f"{'':24}{'seconds':>10}{'times ours':>12}{'peak MB':>10}{'pixels that differ':>20}")
    for name, runs in found.items():
        memory = max(each.memory for each in runs) / 1e6
        seconds, ratio = _seconds(runs), _seconds(runs) / _seconds(found[OURS])
        print(f"{name:24}{seconds:>10.2f}{ratio:>12.2f}{memory:>10.0f}{differ[name]:>20}")
    equal = not any(differ.values()) and all(
        each.counts == found[OURS][0].counts for runs in found.values() for each in runs
    )
    _say("all predictions and counts are equal", equal)
    return equal


def report_targets(found: dict[str, list[Measured]]) -> bool:
    """Print whether ours is small and fast enough; returns whether it is small enough."""
    memory = max(each.memory for each in found[OURS])
    others = [_seconds(runs) for name, runs in found.items() if name != OURS]
    gain = min(others) / _seconds(found[OURS])
    _say(f"under {MEMORY_TARGET / 1e9:g} GB: {memory / 1e6:.0f} MB", memory < MEMORY_TARGET)
    _say(f"at least {SPEED_TARGET:g} times as fast: {gain:.2f}", gain >= SPEED_TARGET)
    return memory < MEMORY_TARGET


def _seconds(runs: list[Measured]) -> float:
    return statistics.median(each.seconds for each in runs)


def _say(what: str, holds: bool) -> None:
    print(f"{'met   ' if holds else 'MISSED'}  {what}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison, or one variant of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="a few small images, one process")
    parser.add_argument("--images", type=int, default=Size.images)
    parser.add_argument("--repeats", type=int, default=Size.repeats)
    parser.add_argument("--threads", type=int, default=Size.threads)
    parser.add_argument("--run", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.run:
        given = json.loads(asked.run)
        size = Size(**given["size"])
        print(
            json.dumps(vars(run(given["name"], Path(given["folder"]), size, Path(given["out"]))))
        )
        return 0
    size = Size(images=asked.images, repeats=asked.repeats, threads=asked.threads)
    if asked.short:
        size = Size(**SHORT)
    with tempfile.TemporaryDirectory() as folder:
        found, differ = compare(Path(folder), size, run if asked.short else in_a_process)
    holds = report(found, differ, size)
    if not asked.short:  # small images in one process say nothing about time and memory
        holds &= report_targets(found)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
