"""``launch``: start a search, or continue a stored one by name."""

import json
import os
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Console

from search.commands.ending import exit_stopped, one_line_errors
from search.commands.flag_groups import (
    FeatureFlags,
    RunFlags,
    SourceFlags,
    SpaceFlags,
    TargetFlags,
)
from search.commands.grouping import given_flags, with_groups
from search.commands.options import JsonOption, PlainOption
from search.commands.storage_flags import StorageFlags
from search.config.assignments import nested
from search.errors import SettingsError
from search.workers.ray_environment import outlive_ray
from storage.address import Address
from trainer.config.sources import Layers

__all__ = ["launch"]

StudyOption = Annotated[
    str | None,
    typer.Option(help="Name of the study. Default: PRESET-N, or FILE-N with your own data."),
]
LikeOption = Annotated[
    str | None,
    typer.Option(metavar="STUDY", help="Start from the settings of this study, not of a preset."),
]
StartFromOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="STUDY|FILE",
        help="Begin with the best settings of this study of another data set.",
    ),
]
SameDataOption = Annotated[
    bool, typer.Option("--same-data", help="Accept studies of the same data set to start from.")
]
DryRunOption = Annotated[
    bool,
    typer.Option("--dry-run", help="Show what a search would do and cost, without starting it."),
]
DetachOption = Annotated[
    bool,
    typer.Option(
        "--detach",
        help="Start the search on the head node of the Ray cluster and return; `attach` shows it.",
    ),
]


@one_line_errors
@with_groups
def launch(
    *,
    context: typer.Context,
    source: SourceFlags,
    study: StudyOption = None,
    like: LikeOption = None,
    start_from: StartFromOption = None,
    same_data: SameDataOption = False,
    target: TargetFlags,
    features: FeatureFlags,
    space: SpaceFlags,
    storage: StorageFlags,
    run: RunFlags,
    plain: PlainOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    detach: DetachOption = False,
) -> None:
    """Start a search, or continue the one named by --study."""
    # A detached search takes the database and its password from the head node's environment.
    address = (StorageFlags() if detach else storage).address()
    outlive_ray(os.environ)
    flags = {**target.settings(), **features.settings(), **space.settings()}
    if like is None:
        layers = source.layers(flags)
    elif detach or source != SourceFlags():
        raise SettingsError(
            "--like takes all settings from a study: leave out --preset, --config and --detach"
        )
    else:
        layers = _like(address, like, nested(flags))
    if start_from and (detach or dry_run):
        raise SettingsError(
            "--start-from cannot be combined with --detach or --dry-run: leave one of them out"
        )
    if detach and (dry_run or as_json):
        raise SettingsError(
            "--detach cannot be combined with --dry-run or --json: leave one of them out"
        )
    if detach:
        _detach(layers, study, storage, run)
    elif dry_run:
        _print_dry_run(address, layers, study, run, as_json=as_json)
    elif as_json:
        raise SettingsError("--json needs --dry-run, because a search prints lines: add it")
    else:
        sources = Sources(studies=tuple(start_from or ()), same_data=same_data)
        finished = _launch(context, address, layers, study, run, plain, sources)
        exit_stopped(finished=finished)


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where starting points come from."""

    studies: tuple[str, ...]
    #: Whether studies of the same data set are accepted.
    same_data: bool


def _like(address: Address, study: str, flags: dict[str, Any]) -> Layers:
    from search.launch.stored_study import layers_like
    from storage.database import open_database

    with open_database(address) as database:
        return layers_like(database, study, flags)


def _launch(
    context: typer.Context,
    address: Address,
    layers: Layers,
    study: str | None,
    run: RunFlags,
    plain: bool | None,
    sources: Sources,
) -> bool:
    """Drive the study, and return whether it reached its target."""
    from search.commands.driving import drive
    from search.commands.run_options import find_run_options
    from search.config.configuration import resolve_layers
    from search.launch.request import Launch
    from search.launch.starting_points import find_starting_points
    from search.launch.stored_study import configure
    from search.planning.checking import check_dataset
    from storage.database import open_database

    if study is None:  # refuse bad input before starting a server
        check_dataset(resolve_layers(layers))
    options = find_run_options(run)
    with open_database(address) as database:
        config = configure(database, study, layers)
        starting = find_starting_points(
            database, sources.studies, config, same_data=sources.same_data
        )
        for point in starting:
            typer.echo(f"starting point: {point.origin}")
        request = Launch(
            study=study, layers=layers, config=config, options=options, starting=starting
        )
        return drive(request, database, plain=plain, parts=context.obj)


def _print_dry_run(
    address: Address, layers: Layers, study: str | None, run: RunFlags, *, as_json: bool
) -> None:
    from search.commands.run_options import find_run_options
    from search.planning.dry_run import dry_run
    from search.reporting.dry_run import plan

    found = dry_run(layers, study=study, options=find_run_options(run), address=address)
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=1))
    else:
        Console().print(plan(found))
        typer.echo("the same command without --dry-run starts it")


def _detach(layers: Layers, study: str | None, storage: StorageFlags, run: RunFlags) -> None:
    """Start the search on the cluster with the flags given here, except for secrets."""
    from search.config.configuration import resolve_layers
    from search.launch.detaching import detach
    from trainer.config.toml_records import toml_text

    resolve_layers(layers)
    flags = {flag: value for flag, value in given_flags(run) if flag != "--ray"}
    flags["--preset"] = layers.preset
    flags["--trials"] = layers.flags.get("search", {}).get("trials")
    flags["--password-file"] = storage.password_file
    detach(
        [
            flag if value is True else f"{flag}={value}"
            for flag, value in flags.items()
            if value is not None
        ],
        toml_text(layers.given()),
        study=study,
        ray_address=run.ray,
        storage=storage.storage,
        say=typer.echo,
    )
