"""Which share of a trial's time its pictures take, for the trials of a preset.

    python -m benchmarks.pictures [--preset rooms] [--trials 12] [--quick]

One worker trains trials from beginning to end, draws the pictures of each and stores them in a
folder. Its first pictures also open the data set and the folder. Each run but a quick one appends
a line to ``benchmarks/results/pictures.jsonl``.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.markdown import markdown_table
from benchmarks.measuring import append_result, machine
from benchmarks.one_worker import answer, task_of
from search.config.configuration import resolve
from search.records.messages import (
    Begin,
    Continue,
    DrawPictures,
    Order,
    PicturesDrawn,
    Reported,
    Task,
)
from search.workers.picture_maker import PicturePlace
from search.workers.worker import Worker, WorkerSetup
from trainer.config.configuration import TrainConfig
from trainer.features import prepare

__all__ = ["main", "measured", "text"]


def text(record: Mapping[str, Any]) -> str:
    """The measurement in a sentence."""
    return (
        f"`python -m benchmarks.pictures` measures {record['trials']} full runs of the preset"
        f" `{record['preset']}`: pictures take {record['share']:.1f} % of a trial's"
        f" {record['trial_seconds']:.1f} s (median; {record['first_share']:.1f} % for the first"
        f" trial of a worker), and the largest file has {record['largest_kb']:.0f} kB"
        f" ({record['processor']}, one thread)."
    )


def measured(preset: str, trials: int, config: TrainConfig | None = None) -> dict[str, Any]:
    """Train the trials and draw their pictures; returns the record.

    Args:
        preset: Name of the preset.
        trials: Number of trials.
        config: Settings to use instead of those of the preset.
    """
    config = config or resolve(preset, None, {}).train
    with tempfile.TemporaryDirectory() as folder:
        rows = list(_rows(config, trials, Path(folder)))
        sizes = [path.stat().st_size for path in (Path(folder) / "pictures").iterdir()]
    shares = [100 * pictures / training for training, pictures in rows]
    return {
        "preset": preset,
        "trials": trials,
        "share": statistics.median(shares),
        "first_share": shares[0],
        "trial_seconds": statistics.median(training for training, _ in rows),
        "picture_seconds": statistics.median(pictures for _, pictures in rows),
        "largest_kb": max(sizes) / 1000,
        "files": len(sizes),
    }


def _rows(config: TrainConfig, trials: int, folder: Path) -> Iterator[tuple[float, float]]:
    """Seconds of each trial's training and of its pictures."""
    features = prepare(
        config, cache=folder / "cache", device=torch.device("cpu"), progress=lambda *step: None
    )
    place = PicturePlace(place=str(folder / "pictures"), study="benchmark")
    setup = WorkerSetup(
        config=config, feature_cache=str(features.folder), device="cpu", pictures=place
    )
    worker = Worker(setup)
    for trial in range(trials):
        began = time.perf_counter()
        _train(worker, task_of(trial, folder), config.evaluation.evaluations)
        trained = time.perf_counter()
        drawn = answer(worker, DrawPictures())
        assert isinstance(drawn, PicturesDrawn) and drawn.pictures and not drawn.notes, drawn
        yield trained - began, time.perf_counter() - trained


def _train(worker: Worker, task: Task, evaluations: int) -> None:
    orders: Sequence[Order] = [Begin(task=task), *[Continue()] * (evaluations - 1)]
    for order in orders:
        event = answer(worker, order)
        assert isinstance(event, Reported), event


def main() -> None:
    """Measure, print the table, save the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pictures", description=__doc__)
    parser.add_argument("--preset", default="rooms", help="settings of the trials")
    parser.add_argument("--trials", type=int, default=12, help="trials to train")
    parser.add_argument("--quick", action="store_true", help="two trials; nothing is saved")
    asked = parser.parse_args()
    record = measured(asked.preset, 2 if asked.quick else asked.trials)
    row = [
        f"{record[name]:.2f}"
        for name in ("trial_seconds", "picture_seconds", "share", "first_share", "largest_kb")
    ]
    header = ("trial, s", "pictures, s", "share, %", "first, %", "largest file, kB")
    print(markdown_table(header, [row]))
    if not asked.quick:
        made = append_result("pictures", [{**record, **machine(torch.device("cpu"))}])
        print(f"saved in {made}")


if __name__ == "__main__":
    main()
