"""``fit``: train one run."""

import contextlib
from pathlib import Path

import torch

from trainer.commands.lines import memory_text, protocol_line, scores_text, weights_text
from trainer.commands.setup import prepare_dataset_features, say, say_notes, show_progress
from trainer.config.configuration import TrainConfig
from trainer.console.shell import shell_text, trainer_command
from trainer.engine.checkpoint import RECORD_NAME
from trainer.engine.run import Run, require_trainable
from trainer.engine.snapshots import check_snapshots, snapshot_folder
from trainer.features import DatasetFeatures, validate
from trainer.logs import RunLog, open_log
from trainer.nn.bf16_instructions import slow_precision
from trainer.records import Report
from trainer.scoring import criteria

__all__ = ["fit_run"]


def fit_run(
    config: TrainConfig,
    folder: Path,
    *,
    cache: Path | None,
    device: torch.device,
    log: str = "none",
    snapshots: tuple[int, ...] = (),
) -> None:
    """Train to the end, writing a checkpoint to ``folder`` after each evaluation.

    Args:
        config: The run.
        folder: Folder of its checkpoint; the run resumes from a checkpoint that is there.
        cache: Folder of the feature cache; None for the user's own.
        device: Where to train.
        log: Name in ``trainer.logs``.
        snapshots: Iterations at which a checkpoint is kept, ascending.

    Raises:
        TrainerError: If data, weights, settings or the folder's checkpoint cannot be used.
    """
    if (folder / RECORD_NAME).exists():
        require_trainable(folder)
    notes = validate(config).notes
    say(protocol_line(config))
    say_notes(notes)
    if (slow := slow_precision(device.type, config.training.precision)) is not None:
        say(f"warning: {slow}")
    dataset_features = prepare_dataset_features(config, cache=cache, device=device)
    run = _start_or_restore(folder, config, dataset_features, device)
    keep = check_snapshots(snapshots, folder, reached=run.iteration, iterations=run.iterations)
    with contextlib.closing(open_log(log, folder, config, iteration=run.iteration)) as run_log:
        _train(run, folder, run_log, keep)
    say(memory_text(device))
    say(weights_text(run))
    say(f"checkpoint: {folder}")
    if dataset_features.test.labels is not None:
        score = shell_text(trainer_command("evaluate", folder, "--split", "test"))
        say(f"to score it once on the test split: {score}")


def _train(run: Run, folder: Path, log: RunLog, snapshots: tuple[int, ...]) -> None:
    with show_progress() as progress:

        def on_iteration(done: int) -> None:
            progress("training iterations", done, run.iterations)
            if done in snapshots:
                run.save(snapshot_folder(folder, done))

        if not run.finished:
            on_iteration(run.iteration)
        while not run.finished:
            report = run.advance(on_iteration)
            run.save(folder)
            log.write(report)
            say(_report_line(report, run))


def _start_or_restore(
    folder: Path, config: TrainConfig, dataset_features: DatasetFeatures, device: torch.device
) -> Run:
    if (folder / RECORD_NAME).exists():
        return Run.restore(folder, config, dataset_features, device)
    return Run.start(config, dataset_features, device)


def _report_line(report: Report, run: Run) -> str:
    indicators = report.signals
    further = "".join(
        f"  {name} {value:.2f}"
        for name, value in report.further_criteria().items()
        if criteria.CRITERIA[name].printed
    )
    return (
        f"evaluation {report.evaluation}/{run.evaluations}"
        f"  iteration {report.iteration}  loss {report.loss:.4f}"
        f"  cluster {scores_text(report.cluster)}  linear {scores_text(report.linear)}"
        f"  entropy {indicators.cluster_entropy:.2f}  largest {indicators.largest_share:.2f}"
        f"  cosine {indicators.mean_cosine:.2f}"
        f"{'' if indicators.finite else '  NOT FINITE'}{further}"
    )
