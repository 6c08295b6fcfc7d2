"""The trainer's command line: one run without any database.

Commands are parsed here and implemented in the other files of ``trainer/commands``. An error that
the user can fix is one line on standard error, with exit code 2.
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
from trainer.commands.predict import PredictRequest, predict_images, read_modalities
from trainer.commands.presets import list_presets, print_preset
from trainer.commands.setup import find_device, read_config
from trainer.commands.train_fusion import Size, train_fusion
from trainer.config.paths import user_path
from trainer.console.streams import outlive_readers
from trainer.console.terminal import any_terminal
from trainer.control_group import limit_threads
from trainer.datasets.image_fusion.swinfusion.training import FusionTraining
from trainer.engine.checkpoint import RECORD_NAME
from trainer.engine.snapshots import read_iterations
from trainer.errors import TrainerError
from trainer.logs import LOGS, find_log

__all__ = ["app", "main"]

app = typer.Typer(
    name="trainer",
    help="Train, score and prepare runs of unsupervised multi-modal segmentation.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

cache_app = typer.Typer(
    help="List or prune the feature cache.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(cache_app, name="cache")

#: Common to all paths: ``~`` is expanded, which no shell does after ``=``.
FOLDER: dict[str, Any] = {"parser": user_path, "metavar": "FOLDER", "show_default": False}
FILE: dict[str, Any] = {**FOLDER, "metavar": "FILE"}

ConfigArgument = Annotated[
    Path,
    typer.Argument(
        help="TOML file of the run, a description of a data set, or its folder.", **FILE
    ),
]
CheckpointArgument = Annotated[
    Path, typer.Argument(help=f"Folder that holds {RECORD_NAME}.", **FOLDER)
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
CacheOption = Annotated[Path | None, typer.Option(help="Folder of the feature cache.", **FOLDER)]
LogOption = Annotated[
    str,
    typer.Option(
        metavar=f"<{'|'.join(LOGS)}>",
        help="Also log the evaluations to "
        f"{' or '.join(entry.title for entry in LOGS.values() if entry.title)}.",
    ),
]
DataOption = Annotated[
    Path | None,
    typer.Option(help="Folder of the data set, if it was moved.", **FOLDER),
]
RunOption = Annotated[
    Path | None,
    typer.Option(help="Folder for the checkpoint; default runs/NAME.", **FOLDER),
]


def main() -> None:
    """Run the command line; a user's error is one line and exit code 2."""
    with any_terminal(), outlive_readers():
        limit_threads()
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
    log: LogOption = "none",
    snapshots: Annotated[
        str | None,
        typer.Option(
            help="Keep checkpoints at these iterations, such as 0,10,100, for figures.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Train one run, or resume it if the folder holds its checkpoint."""
    find_log(log)  # refused before any work is spent
    folder = out if out is not None else Path("runs") / config.stem
    fit_run(
        read_config(config, announce=True),
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
        bool, typer.Option("--flip", help="Also score codes averaged with the mirrored image's.")
    ] = False,
    crf: Annotated[
        bool, typer.Option("--crf", help="Also score predictions refined by a dense CRF.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    data: DataOption = None,
    device: DeviceOption = "auto",
    cache: CacheOption = None,
) -> None:
    """Score a checkpoint on the val or test split."""
    scoring = Scoring(split=split, flip=flip, crf=crf, as_json=json)
    evaluate_checkpoint(checkpoint, scoring, data=data, cache=cache, device=find_device(device))


@app.command()
def figures(
    checkpoint: CheckpointArgument,
    out: Annotated[Path, typer.Option(help="Folder for the PNG and SVG files.", **FOLDER)],
    split: Annotated[Literal["val", "test"], typer.Option(help="Split to show.")] = "val",
    images: Annotated[int, typer.Option(min=1, help="Number of images to show.")] = 4,
    baseline: Annotated[
        Path | None,
        typer.Option(help="Checkpoint of another run, to compare with.", **FOLDER),
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
        bool, typer.Option("--verify", help="Compare every byte with its checksum.")
    ] = False,
) -> None:
    """Compute and cache the features and neighbours for a run, unless they are cached."""
    run = read_config(config, announce=True)
    build_features(run, cache=cache, device=find_device(device), verify=verify)


@app.command()
def presets(
    name: Annotated[
        str | None,
        typer.Argument(help="Preset to print; without it, list all.", show_default=False),
    ] = None,
) -> None:
    """List the presets, or print one as TOML. A TOML file builds on one with `base = "NAME"`."""
    if name is None:
        list_presets()
    else:
        print_preset(name)


@app.command()
def inspect(
    config: ConfigArgument,
    cache: CacheOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Read a whole data set and list every fault. Exit code 1 if training would fail."""
    if not inspect_file(config, cache=cache, as_json=json):
        raise typer.Exit(1)


@app.command("import-checkpoint")
def import_checkpoint(
    file: Annotated[Path, typer.Argument(help="Published .ckpt file.", **FILE)],
    out: RunOption = None,
) -> None:
    """Convert a checkpoint published by UniM2's authors, without running code stored in it."""
    import_released(file, out if out is not None else Path("runs") / file.stem)


@app.command("import-config")
def import_config(
    file: Annotated[Path, typer.Argument(help="Published .yml file.", **FILE)],
    out: Annotated[
        Path | None,
        typer.Option(help="TOML file to write; default NAME.toml.", **FILE),
    ] = None,
    protocol: Annotated[
        Literal["held-out", "published"], typer.Option(help="Protocol of the new configuration.")
    ] = "held-out",
) -> None:
    """Convert a configuration published by UniM2's authors."""
    import_settings(file, out if out is not None else Path(f"{file.stem}.toml"), protocol=protocol)


@app.command()
def export(
    source: Annotated[Path, typer.Argument(help="Folder of a checkpoint, or TOML file.", **FILE)],
    format: Annotated[
        Literal["unim2-yaml"], typer.Option(help="Format of the output.")
    ] = "unim2-yaml",
    out: Annotated[
        Path | None, typer.Option(help="File to write; default standard output.", **FILE)
    ] = None,
) -> None:
    """Export a run's settings as a configuration for the code of UniM2's authors."""
    del format  # there is only one
    export_settings(source, out)


@app.command()
def predict(
    checkpoint: CheckpointArgument,
    images: Annotated[list[Path], typer.Argument(help="Images, or folders of images.", **FILE)],
    out: Annotated[Path, typer.Option(help="Folder for masks and overlays.", **FOLDER)],
    modality: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=FOLDER of another modality, with files named like the images.",
            show_default=False,
        ),
    ] = None,
    probe: Annotated[
        Literal["cluster", "linear"], typer.Option(help="Probe that predicts.")
    ] = "cluster",
    data: DataOption = None,
    device: DeviceOption = "auto",
    cache: CacheOption = None,
) -> None:
    """Predict your own images, without labels: masks and overlays in full size."""
    folders = read_modalities(modality or [])
    request = PredictRequest(images=tuple(images), folders=folders, out=out, probe=probe)
    if not predict_images(checkpoint, request, data=data, cache=cache, device=find_device(device)):
        raise typer.Exit(1)


@app.command("train-fusion")
def train_image_fusion(
    config: Annotated[
        Path,
        typer.Argument(help="TOML file of a run on RGB and thermal, or of a data set.", **FILE),
    ],
    out: Annotated[Path, typer.Option(help="Weights to write (safetensors).", **FILE)],
    size: Annotated[
        Size, typer.Option(help="Of the network: small for a CPU, published for a GPU.")
    ] = "small",
    iterations: Annotated[
        int, typer.Option(min=1, help="Batches to train on.")
    ] = FusionTraining.iterations,
    batch: Annotated[int, typer.Option(min=1, help="Patches of a batch.")] = FusionTraining.batch,
    patch: Annotated[
        int, typer.Option(min=16, help="Side of a patch, pixels.")
    ] = FusionTraining.patch,
    learning_rate: Annotated[
        float, typer.Option(help="Of Adam; falls to 0.")
    ] = FusionTraining.learning_rate,
    seed: Annotated[int, typer.Option(help="Seed of the weights and patches.")] = 0,
) -> None:
    """Train a network that fuses RGB and thermal images, for data.fused = "swinfusion"."""
    training = FusionTraining(
        iterations=iterations, batch=batch, patch=patch, learning_rate=learning_rate, seed=seed
    )
    train_fusion(read_config(config, announce=True), out, size=size, training=training)


@cache_app.command("list")
def cache_list(
    cache: CacheOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
) -> None:
    """List the entries of the feature cache: their source, size and last use."""
    list_cache(cache=cache, as_json=json)


@cache_app.command("prune")
def cache_prune(
    cache: CacheOption = None,
    older_than: Annotated[
        str | None, typer.Option(help="Not opened for 12h, 30d or 8w.", show_default=False)
    ] = None,
    larger_than: Annotated[
        str | None, typer.Option(help="Larger than 500MiB or 10GiB.", show_default=False)
    ] = None,
    incomplete: Annotated[
        bool, typer.Option("--incomplete", help="Damaged, or left behind by a killed process.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="Every entry.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove the entries that meet all given conditions, but none that is in use."""
    choice = Choice(
        older_than=None if older_than is None else read_age(older_than),
        larger_than=None if larger_than is None else read_size(larger_than),
        incomplete=incomplete,
        every=every,
    )
    prune_cache(choice, cache=cache, sure=yes, ask=typer.confirm)
