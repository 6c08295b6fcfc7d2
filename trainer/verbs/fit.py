"""``fit``: train one run."""

from pathlib import Path

import torch

from trainer.checkpoint import RECORD_NAME
from trainer.config import TrainConfig
from trainer.features import Material, validate
from trainer.records import Report
from trainer.run import Run
from trainer.verbs.lines import scores_text
from trainer.verbs.setup import live_progress, prepare_material, say, say_notes

__all__ = ["fit_run"]


def fit_run(
    config: TrainConfig, folder: Path, *, cache: Path | None, device: torch.device
) -> None:
    """Train to the end, with a checkpoint in ``folder`` after each evaluation.

    Raises:
        TrainerError: If data, weights, settings or the folder's checkpoint are not as needed.
    """
    validate(config)
    say_notes(config.data)
    material = prepare_material(config, cache=cache, device=device)
    run = _start_or_restore(folder, config, material, device)
    with live_progress() as progress:
        task = progress.add_task("train", total=config.training.iterations)
        progress.update(task, completed=run.iteration)
        while not run.finished:
            report = run.advance(lambda done: progress.update(task, completed=done))
            run.save(folder)
            say(_report_line(report, config))
    say(f"checkpoint: {folder}")
    say(f"score it once on the test split: python -m trainer evaluate {folder} --split test")


def _start_or_restore(
    folder: Path, config: TrainConfig, material: Material, device: torch.device
) -> Run:
    if (folder / RECORD_NAME).exists():
        return Run.restore(folder, config, material, device)
    return Run.start(config, material, device)


def _report_line(report: Report, config: TrainConfig) -> str:
    signals = report.signals
    return (
        f"evaluation {report.evaluation}/{config.evaluation.evaluations}"
        f"  iteration {report.iteration}  loss {report.loss:.4f}"
        f"  cluster {scores_text(report.cluster)}  linear {scores_text(report.linear)}"
        f"  entropy {signals.cluster_entropy:.2f}  largest {signals.largest_share:.2f}"
        f"  cosine {signals.mean_cosine:.2f}{'' if signals.finite else '  NOT FINITE'}"
    )
