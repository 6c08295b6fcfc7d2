"""The trainer's command line: one run without any database.

``fit`` trains and writes checkpoints, ``evaluate`` scores a checkpoint on a split,
``features`` builds the feature bank. What a user can mend ends in one line on standard
error and exit code 2.
"""

import dataclasses
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import torch
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from trainer.checkpoint import RECORD_NAME
from trainer.config import TrainConfig
from trainer.errors import ConfigError, TrainerError
from trainer.evaluation import Evaluation
from trainer.features import Material, prepare, validate
from trainer.methods import hyper_values
from trainer.records import Report, Scores
from trainer.run import Run, config_of
from trainer.toml_records import build_record, read_toml

__all__ = ["app", "main"]

app = typer.Typer(
    name="trainer",
    help="Train, score and prepare runs of unsupervised multi-modal segmentation.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ConfigArgument = Annotated[Path, typer.Argument(help="TOML file of the run.", show_default=False)]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
CacheOption = Annotated[
    Path | None, typer.Option(help="Folder of the feature cache.", show_default=False)
]


def main() -> None:
    """Run the command line; a user's error is one line and exit code 2."""
    try:
        app()
    except TrainerError as error:
        Console(stderr=True, soft_wrap=True).print(f"error: {error}", markup=False, style="red")
        sys.exit(2)


@app.command()
def fit(
    config: ConfigArgument,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the checkpoint; default runs/NAME.", show_default=False),
    ] = None,
    device: DeviceOption = "auto",
    cache: CacheOption = None,
) -> None:
    """Train one run; a folder that holds its checkpoint is gone on with."""
    settings, place = _read_config(config), find_device(device)
    folder = out if out is not None else Path("runs") / config.stem
    validate(settings)
    material = _prepare(settings, cache=cache, device=place)
    run = _start_or_restore(folder, settings, material, place)
    console = Console()
    with _progress() as progress:
        task = progress.add_task("train", total=settings.training.iterations)
        progress.update(task, completed=run.iteration)
        while not run.finished:
            report = run.advance(lambda done: progress.update(task, completed=done))
            run.save(folder)
            console.print(_report_line(report, settings), highlight=False, soft_wrap=True)
    console.print(f"checkpoint: {folder}", highlight=False, soft_wrap=True)
    console.print(
        f"score it once on the test split: python -m trainer evaluate {folder} --split test",
        highlight=False,
        soft_wrap=True,
    )


@app.command()
def evaluate(
    checkpoint: Annotated[
        Path, typer.Argument(help=f"Folder that holds {RECORD_NAME}.", show_default=False)
    ],
    split: Annotated[Literal["val", "test"], typer.Option(help="Split to score.")] = "val",
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of the data set, if it was moved.", show_default=False),
    ] = None,
    device: DeviceOption = "auto",
    cache: CacheOption = None,
) -> None:
    """Score a checkpoint."""
    settings, place = config_of(checkpoint), find_device(device)
    if data is not None:
        moved = dataclasses.replace(settings.data, root=str(data))
        settings = dataclasses.replace(settings, data=moved)
    material = _prepare(settings, cache=cache, device=place)
    run = Run.restore(checkpoint, settings, material, place)
    evaluation = run.evaluate(material.val if split == "val" else material.test)
    Console().print(_evaluation_lines(evaluation, split), highlight=False, soft_wrap=True)


@app.command()
def features(
    config: ConfigArgument, device: DeviceOption = "auto", cache: CacheOption = None
) -> None:
    """Build the feature bank and the neighbours of a configuration, or find them complete."""
    settings, place = _read_config(config), find_device(device)
    validate(settings)
    material = _prepare(settings, cache=cache, device=place)
    Console().print(
        f"{len(material.train)} crops, {len(material.val)} val and {len(material.test)} test"
        f" images of {', '.join(material.modalities)}; {material.channels} channels a token\n"
        f"bank: {material.folder}",
        highlight=False,
        soft_wrap=True,
    )


def find_device(name: str) -> torch.device:
    """The device of that name; ``auto`` is a GPU where there is one.

    Raises:
        ConfigError: If torch does not know it, or it is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"--device {name} is not known: give auto, cpu or cuda") from error
    available = torch.cuda.device_count() if device.type == "cuda" else 1
    if device.type not in ("cpu", "cuda") or (device.index or 0) >= available:
        raise ConfigError(f"--device {name} is not there: give auto, cpu or cuda")
    return device


def _read_config(path: Path) -> TrainConfig:
    config = build_record(TrainConfig, read_toml(path))
    hyper_values(config)  # refused before features are built
    return config


def _prepare(config: TrainConfig, *, cache: Path | None, device: torch.device) -> Material:
    with _progress() as progress:
        return prepare(config, cache=cache, device=device, progress=_teller(progress))


def _start_or_restore(
    folder: Path, config: TrainConfig, material: Material, device: torch.device
) -> Run:
    if (folder / RECORD_NAME).exists():
        return Run.restore(folder, config, material, device)
    return Run.start(config, material, device)


@contextmanager
def _progress() -> Iterator[Progress]:
    """A live bar on a terminal's standard error, nothing elsewhere."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield progress


def _teller(progress: Progress) -> Callable[[str, int, int], None]:
    """A callback that keeps one bar for each thing that is done."""
    bars: dict[str, TaskID] = {}

    def tell(what: str, done: int, total: int) -> None:
        if what not in bars:
            bars[what] = progress.add_task(what, total=total)
        progress.update(bars[what], completed=done, total=total)

    return tell


def _report_line(report: Report, config: TrainConfig) -> str:
    signals = report.signals
    return (
        f"evaluation {report.evaluation}/{config.evaluation.evaluations}"
        f"  iteration {report.iteration}  loss {report.loss:.4f}"
        f"  cluster {_scores_text(report.cluster)}  linear {_scores_text(report.linear)}"
        f"  entropy {signals.cluster_entropy:.2f}  largest {signals.largest_share:.2f}"
        f"  cosine {signals.mean_cosine:.2f}{'' if signals.finite else '  NOT FINITE'}"
    )


def _scores_text(scores: Scores) -> str:
    return f"mIoU {scores.miou:.2f} (all {scores.miou_all:.2f}) accuracy {scores.accuracy:.2f}"


def _evaluation_lines(evaluation: Evaluation, split: str) -> str:
    return (
        f"{split}  cluster {_scores_text(evaluation.cluster)}\n"
        f"{split}  linear  {_scores_text(evaluation.linear)}"
    )
