"""The trainer's command line: one run without any database.

Each verb is parsed here and done in ``trainer/commands``. What a user can mend ends in one line
on standard error and exit code 2.
"""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from trainer.commands.cache import Choice, list_cache, prune_cache, read_age, read_size
from trainer.commands.evaluate import Scoring, evaluate_checkpoint
from trainer.commands.export_config import export_settings
from trainer.commands.features import build_features
from trainer.commands.figures import FigureSet, draw_figures
from trainer.commands.fit import fit_run
from trainer.commands.import_checkpoint import import_released
from trainer.commands.import_config import import_settings
from trainer.commands.inspect import inspect_file
from trainer.commands.predict import Asked, predict_images, read_modalities
from trainer.commands.presets import list_presets, print_preset
from trainer.commands.setup import find_device, read_config
from trainer.config.paths import user_path
from trainer.console.streams import outlive_readers
from trainer.console.terminal import any_terminal
from trainer.control_group import limit_threads
from trainer.engine.checkpoint import RECORD_NAME
from trainer.engine.snapshots import read_iterations
from trainer.errors import TrainerError

__all__ = ["app", "main"]

app = typer.Typer(
    name="trainer",
    help="Train, score and prepare runs of unsupervised multi-modal segmentation.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

cache_app = typer.Typer(
    help="What the feature cache holds; making room.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(cache_app, name="cache")

#: What every path has in common: ``~`` is expanded, as no shell does after ``=``.
FOLDER: dict[str, Any] = {"parser": user_path, "metavar": "FOLDER", "show_default": False}
FILE: dict[str, Any] = {**FOLDER, "metavar": "FILE"}

ConfigArgument = Annotated[Path, typer.Argument(help="TOML file of the run.", **FILE)]
CheckpointArgument = Annotated[
    Path, typer.Argument(help=f"Folder that holds {RECORD_NAME}.", **FOLDER)
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
CacheOption = Annotated[Path | None, typer.Option(help="Folder of the feature cache.", **FOLDER)]
DataOption = Annotated[
    Path | None,
    typer.Option(help="Folder of the data set, if it was moved.", **FOLDER),
]
RunOption = Annotated[
    Path | None,
    typer.Option(help="Folder of the checkpoint; default runs/NAME.", **FOLDER),
]


def main() -> None:
    """Run the command line; a user's error is one line and exit code 2."""
    with any_terminal():
        limit_threads()
        outlive_readers()
        try:
            app()
        except TrainerError as error:
            Console(stderr=True, soft_wrap=True).print(
                f"error: {error}", markup=False, style="red"
            )
            sys.exit(2)


@app.command()
def fit(
    config: ConfigArgument,
    out: RunOption = None,
    device: DeviceOption = "auto",
    cache: CacheOption = None,
    log: Annotated[
        Literal["none", "tensorboard", "wandb"],
        typer.Option(help="Log the evaluations there as well."),
    ] = "none",
    snapshots: Annotated[
        str | None,
        typer.Option(
            help="Keep a checkpoint at these iterations, such as 0,10,100, for figures.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Train one run; a folder that holds its checkpoint is resumed."""
    folder = out if out is not None else Path("runs") / config.stem
    fit_run(
        read_config(config, tell=True),
        folder,
        cache=cache,
        device=find_device(device),
        log=log,
        snapshots=() if snapshots is None else read_iterations(snapshots),
    )


@app.command()
def evaluate(
    checkpoint: CheckpointArgument,
    split: Annotated[Literal["val", "test"], typer.Option(help="Split to score.")] = "val",
    flip: Annotated[
        bool, typer.Option("--flip", help="Score the mean with the mirrored image's code, too.")
    ] = False,
    crf: Annotated[
        bool, typer.Option("--crf", help="Score what a dense CRF makes of it, too.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    data: DataOption = None,
    device: DeviceOption = "auto",
    cache: CacheOption = None,
) -> None:
    """Score a checkpoint."""
    asked = Scoring(split=split, flip=flip, crf=crf, as_json=json)
    evaluate_checkpoint(checkpoint, asked, data=data, cache=cache, device=find_device(device))


@app.command()
def figures(
    checkpoint: CheckpointArgument,
    out: Annotated[Path, typer.Option(help="Folder of the PNG and SVG files.", **FOLDER)],
    split: Annotated[Literal["val", "test"], typer.Option(help="Split to show.")] = "val",
    images: Annotated[int, typer.Option(min=1, help="Images to show.")] = 4,
    baseline: Annotated[
        Path | None,
        typer.Option(help="Checkpoint of a run to show beside.", **FOLDER),
    ] = None,
    data: DataOption = None,
    device: DeviceOption = "auto",
    cache: CacheOption = None,
) -> None:
    """Draw losses, classes, confusion, predictions and feature maps of a run."""
    figure_set = FigureSet(out=out, split=split, images=images, baseline=baseline)
    draw_figures(checkpoint, figure_set, data=data, cache=cache, device=find_device(device))


@app.command()
def features(
    config: ConfigArgument,
    device: DeviceOption = "auto",
    cache: CacheOption = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare every byte with its checksum, and say so.")
    ] = False,
) -> None:
    """Build the feature cache and the neighbours of a configuration, or find them complete."""
    run = read_config(config, tell=True)
    build_features(run, cache=cache, device=find_device(device), verify=verify)


@app.command()
def presets(
    name: Annotated[
        str | None,
        typer.Argument(help="Print this one as TOML; default lists all.", show_default=False),
    ] = None,
) -> None:
    """List the presets, or print one; `base = "NAME"` in a TOML file starts from it."""
    if name is None:
        list_presets()
    else:
        print_preset(name)


@app.command()
def inspect(
    config: Annotated[
        Path,
        typer.Argument(help="TOML file of the run, or of a data set.", **FILE),
    ],
    cache: CacheOption = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Read a whole data set and name every fault; exit code 1 if training would fail."""
    if not inspect_file(config, cache=cache, as_json=json):
        raise typer.Exit(1)


@app.command("import-checkpoint")
def import_checkpoint(
    file: Annotated[Path, typer.Argument(help="Released .ckpt file.", **FILE)],
    out: RunOption = None,
) -> None:
    """Make a checkpoint of one that UniM2's authors released; nothing pickled in it runs."""
    import_released(file, out if out is not None else Path("runs") / file.stem)


@app.command("import-config")
def import_config(
    file: Annotated[Path, typer.Argument(help="Released .yml file.", **FILE)],
    out: Annotated[
        Path | None,
        typer.Option(help="TOML file to write; default NAME.toml.", **FILE),
    ] = None,
    protocol: Annotated[
        Literal["held-out", "published"], typer.Option(help="How its numbers are to be made.")
    ] = "held-out",
) -> None:
    """Make a configuration of one that UniM2's authors released."""
    import_settings(file, out if out is not None else Path(f"{file.stem}.toml"), protocol=protocol)


@app.command()
def export(
    source: Annotated[Path, typer.Argument(help="Folder of a checkpoint, or TOML file.", **FILE)],
    format: Annotated[
        Literal["unim2-yaml"], typer.Option(help="Whose names of the settings.")
    ] = "unim2-yaml",
    out: Annotated[
        Path | None, typer.Option(help="File to write; default prints.", **FILE)
    ] = None,
) -> None:
    """Write a run's settings as a configuration of the code that UniM2's authors released."""
    del format  # there is one
    export_settings(source, out)


@app.command()
def predict(
    checkpoint: CheckpointArgument,
    images: Annotated[list[Path], typer.Argument(help="Images, or folders of images.", **FILE)],
    out: Annotated[Path, typer.Option(help="Folder for masks and overlays.", **FOLDER)],
    modality: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=FOLDER of another modality, its files named as the images are.",
            show_default=False,
        ),
    ] = None,
    probe: Annotated[
        Literal["cluster", "linear"], typer.Option(help="Which probe is asked.")
    ] = "cluster",
    data: DataOption = None,
    device: DeviceOption = "auto",
    cache: CacheOption = None,
) -> None:
    """Predict images of one's own, without labels: masks and overlays of their full size."""
    folders = read_modalities(modality or [])
    asked = Asked(images=tuple(images), folders=folders, out=out, probe=probe)
    if not predict_images(checkpoint, asked, data=data, cache=cache, device=find_device(device)):
        raise typer.Exit(1)


@cache_app.command("list")
def cache_list(
    cache: CacheOption = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False,
) -> None:
    """List feature caches: what they were made from, their size, when each was last used."""
    list_cache(cache=cache, as_json=json)


@cache_app.command("prune")
def cache_prune(
    cache: CacheOption = None,
    older_than: Annotated[
        str | None, typer.Option(help="Not opened for so long: 12h, 30d, 8w.", show_default=False)
    ] = None,
    larger_than: Annotated[
        str | None, typer.Option(help="Larger than 500MiB, 10GiB.", show_default=False)
    ] = None,
    incomplete: Annotated[
        bool, typer.Option("--incomplete", help="Left over by a killed process, or damaged.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="Every bank.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove the banks that all of the given options apply to, never one that is in use."""
    choice = Choice(
        older_than=None if older_than is None else read_age(older_than),
        larger_than=None if larger_than is None else read_size(larger_than),
        incomplete=incomplete,
        every=every,
    )
    prune_cache(choice, cache=cache, sure=yes, ask=typer.confirm)
