"""The command line: ``python -m search VERB``. Parses, calls, prints; decides nothing.

What trains is imported by the verbs that train, so that the others answer at once.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import optuna
import typer
from rich.console import Console

from search.commands import options
from search.config.assignments import nested, parse_fixes, parse_ranges
from search.errors import ClusterAway, FailureBudget, Interrupted, SearchError
from search.machine.home import provide_folders
from search.reporting import reading, terminal
from search.reporting.as_json import best_json, study_json
from search.reporting.best_run import best_config
from search.workers.ray_environment import outlive_ray
from storage.address import take_address
from storage.database import Database, open_database
from storage.errors import DatabaseAway, LeaseHeld, LeaseLost, StorageError
from storage.studies import request_stop
from trainer.config.paths import user_path
from trainer.config.sources import read_layers
from trainer.config.toml_records import record_to_table, toml_text
from trainer.console.streams import outlive_readers
from trainer.console.terminal import any_terminal
from trainer.errors import TrainerError

__all__ = ["app", "main"]

#: Exit codes beside 0: what was given is wrong; another process drives; stopped before the end.
BAD_INPUT, DRIVEN_ELSEWHERE, STOPPED = 2, 3, 4
DB_PATIENCE_SECONDS = 600.0
STALL_SECONDS = 1800.0  # an evaluation of a large split on a processor takes minutes

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Tune unsupervised multi-modal segmentation: a search that survives its machines.",
)


@app.command("launch")
def launch_command(
    preset: options.PresetOption = None,
    config: options.ConfigOption = None,
    study: options.StudyOption = None,
    trials: options.TrialsOption = None,
    seed: options.SeedOption = None,
    data: options.DataOption = None,
    modalities: options.ModalitiesOption = None,
    method: options.MethodOption = None,
    backbone: options.BackboneOption = None,
    backbone_weights: options.BackboneWeightsOption = None,
    objective: options.ObjectiveOption = None,
    space: options.SpaceOption = None,
    fix: options.FixOption = None,
    range_: options.RangeOption = None,
    sampler: options.SamplerOption = None,
    pruner: options.PrunerOption = None,
    iterations: options.IterationsOption = None,
    storage: options.StorageOption = None,
    password_file: options.PasswordOption = None,
    workers: options.WorkersOption = None,
    device: options.DeviceOption = "auto",
    wait: options.WaitOption = False,
    oversubscribe: options.OversubscribeOption = False,
    cache: options.CacheOption = None,
    checkpoints: options.CheckpointsOption = None,
    ray: options.RayOption = None,
    plain: options.PlainOption = None,
    db_patience: options.PatienceOption = DB_PATIENCE_SECONDS,
    stall_timeout: options.StallOption = STALL_SECONDS,
    artifacts: options.DepotOption = None,
    standby: options.StandbyOption = False,
    dry_run: options.DryRunOption = False,
    as_json: options.JsonOption = False,
    detach: options.DetachOption = False,
) -> None:
    """Start a search, or continue the one named by --study."""
    with _one_line_errors():
        given = None if detach else password_file  # lies where the search will run
        address = take_address(None if detach else storage, os.environ, password_file=given)
        outlive_ray(os.environ)
        from search.commands import starting

        machinery = starting.Machinery(
            workers=workers,
            device=device,
            wait=wait,
            oversubscribe=oversubscribe,
            cache=cache,
            checkpoints=checkpoints,
            ray_address=ray,
            patience=db_patience,
            stall_timeout=stall_timeout,
            artifacts=artifacts,
            standby=standby,
        )
        flags = {
            "search.trials": trials,
            "search.seed": seed,
            "search.objective": objective,
            "search.space": space,
            "search.ranges": parse_ranges(range_ or ()) or None,
            "search.sampler": sampler,
            "search.pruner": pruner,
            **_material(data, modalities, backbone, backbone_weights),
            "method.name": method,
            "training.iterations": iterations,
            "hyper": parse_fixes(fix or ()) or None,
        }
        layers = read_layers(preset, config, nested(flags))
        if detach:
            starting.detach_launch(
                machinery,
                layers,
                study=study,
                storage=storage,
                password_file=password_file,
            )
            return
        finished = starting.launch(
            address,
            machinery,
            layers,
            study=study,
            plain=plain,
            dry=dry_run,
            as_json=as_json,
        )
    _exit(finished)


@app.command()
def resume(
    study: options.NameArgument = None,
    trials: options.TrialsOption = None,
    objective: options.ObjectiveOption = None,
    data: options.DataOption = None,
    backbone_weights: options.BackboneWeightsOption = None,
    storage: options.StorageOption = None,
    password_file: options.PasswordOption = None,
    workers: options.WorkersOption = None,
    device: options.DeviceOption = "auto",
    wait: options.WaitOption = False,
    oversubscribe: options.OversubscribeOption = False,
    cache: options.CacheOption = None,
    checkpoints: options.CheckpointsOption = None,
    ray: options.RayOption = None,
    plain: options.PlainOption = None,
    db_patience: options.PatienceOption = DB_PATIENCE_SECONDS,
    stall_timeout: options.StallOption = STALL_SECONDS,
    artifacts: options.DepotOption = None,
    standby: options.StandbyOption = False,
) -> None:
    """Go on with a search where it stands; without a name, the last unfinished one."""
    with _one_line_errors():
        address = take_address(storage, os.environ, password_file=password_file)
        outlive_ray(os.environ)
        from search.commands import starting

        finished = starting.resume(
            address,
            starting.Machinery(
                workers=workers,
                device=device,
                wait=wait,
                oversubscribe=oversubscribe,
                cache=cache,
                checkpoints=checkpoints,
                ray_address=ray,
                patience=db_patience,
                stall_timeout=stall_timeout,
                artifacts=artifacts,
                standby=standby,
            ),
            study=study,
            flags={
                "search.trials": trials,
                "search.objective": objective,
                "data.root": None if data is None else str(data.resolve()),
                "backbone.weights": _weights(backbone_weights),
            },
            plain=plain,
        )
    _exit(finished)


@app.command("list")
def list_command(
    storage: options.StorageOption = None,
    password_file: options.PasswordOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """List all studies."""
    with _one_line_errors(), _database(storage, password_file) as database:
        studies = reading.read_studies(database)
        if as_json:
            _print_json([study_json(view) for view in studies])
        else:
            Console().print(terminal.study_list(studies))


@app.command()
def status(
    study: options.NameArgument = None,
    failures: Annotated[bool, typer.Option(help="Show the errors of failed trials.")] = False,
    storage: options.StorageOption = None,
    password_file: options.PasswordOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Show how a study stands, who drives it, and what was pruned and why."""
    with _one_line_errors(), _database(storage, password_file) as database:
        view = reading.read_study(database, study or reading.last_study(database))
        if as_json:
            _print_json(study_json(view))
        else:
            Console().print(terminal.study_status(view, failures=failures))


@app.command()
def best(
    study: options.NameArgument = None,
    format_: Annotated[str, typer.Option("--format", help="table, toml or json.")] = "table",
    storage: options.StorageOption = None,
    password_file: options.PasswordOption = None,
) -> None:
    """Show the best trial; --format toml is a configuration for `python -m trainer fit`."""
    with _one_line_errors(), _database(storage, password_file) as database:
        if format_ not in ("table", "toml", "json"):
            raise SearchError(f"unknown --format {format_!r}: choose table, toml or json")
        view = reading.read_study(database, study or reading.last_study(database))
        if view.best is None:
            raise SearchError(f"study {view.name!r} has no complete trial yet")
        if format_ == "json":
            _print_json({**best_json(view.best), "test": view.test})
        elif format_ == "toml":
            sys.stdout.write(toml_text(record_to_table(best_config(view))))
        else:
            Console().print(terminal.best(view))


@app.command()
def stop(
    study: options.NameArgument = None,
    storage: options.StorageOption = None,
    password_file: options.PasswordOption = None,
) -> None:
    """Ask a running search to stop after the evaluations in hand; `resume` goes on."""
    with _one_line_errors(), _database(storage, password_file) as database:
        name = study or reading.last_study(database, running=True)
        view = reading.read_study(database, name)
        if view.driver is None:
            _say(f"study {name} is not running ({view.state}): nothing to stop")
            return
        request_stop(database.engine, name)
        _say(f"asked study {name} to stop: it is {view.driver}")


@app.command()
def attach(
    study: options.NameArgument = None,
    storage: options.StorageOption = None,
    password_file: options.PasswordOption = None,
    plain: options.PlainOption = None,
    db_patience: options.PatienceOption = DB_PATIENCE_SECONDS,
) -> None:
    """Show the progress of a search that runs elsewhere; Ctrl-C leaves it running."""
    from search.commands.watching import watch

    with _one_line_errors(), _database(storage, password_file) as database:
        finished = watch(database, study, plain=plain, patience=db_patience)
    _exit(finished)


@app.command()
def schema() -> None:
    """Print the JSON schema of configuration files, for editors to complete and check them."""
    from search.commands.schema import schema_text

    typer.echo(schema_text())


@app.command("doctor")
def doctor_command(
    preset: options.PresetOption = None,
    config: options.ConfigOption = None,
    data: options.DataOption = None,
    modalities: options.ModalitiesOption = None,
    backbone: options.BackboneOption = None,
    backbone_weights: options.BackboneWeightsOption = None,
    storage: options.StorageOption = None,
    password_file: options.PasswordOption = None,
    workers: options.WorkersOption = None,
    device: options.DeviceOption = "auto",
    cache: options.CacheOption = None,
    checkpoints: options.CheckpointsOption = None,
    ray: options.RayOption = None,
    deep: options.DeepOption = False,
    as_json: options.JsonOption = False,
) -> None:
    """Tell what a launch needs, what of it works, and what mends the rest."""
    with _one_line_errors():
        address = take_address(storage, os.environ, password_file=password_file)
        from search.commands import starting
        from search.commands.doctor import doctor

        sound = doctor(
            address,
            starting.Machinery(
                workers=workers,
                device=device,
                cache=cache,
                checkpoints=checkpoints,
                ray_address=ray,
            ),
            read_layers(
                preset, config, nested(_material(data, modalities, backbone, backbone_weights))
            ),
            given=_pairs(
                {
                    "--preset": preset,
                    "--config": config,
                    "--data": data,
                    "--modalities": modalities,
                    "--backbone": backbone,
                    "--backbone-weights": backbone_weights,
                    "--storage": storage,
                    "--password-file": password_file,
                    "--workers": workers,
                    "--device": None if device == "auto" else device,
                    "--cache": cache,
                    "--checkpoints": checkpoints,
                }
            ),
            deep=deep,
            as_json=as_json,
        )
    if not sound:
        raise typer.Exit(BAD_INPUT)


@app.command()
def dashboard(
    host: Annotated[
        str,
        typer.Option(help="Address to listen on; others than loopback need a proxy with login."),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8080,
    storage: options.StorageOption = None,
    password_file: options.PasswordOption = None,
    read_only: options.ReadOnlyOption = False,
    artifacts: options.ArtifactsOption = None,
) -> None:
    """Serve optuna-dashboard until interrupted; without --read-only anyone can delete studies."""
    from search.commands.dashboard import serve

    with _one_line_errors(), _database(storage, password_file, read_only=read_only) as database:
        serve(database, artifacts=artifacts, host=host, port=port, say=_say)


@app.command()
def roles(
    driver: options.DriverRoleOption = None,
    viewer: options.ViewerRoleOption = None,
    driver_password_file: options.DriverPasswordOption = None,
    viewer_password_file: options.ViewerPasswordOption = None,
    print_: options.PrintOption = False,
    storage: options.StorageOption = None,
    password_file: options.PasswordOption = None,
) -> None:
    """Make database roles: one for drivers, one that can only read. Run it as the owner."""
    from search.commands.roles import roles as make

    with _one_line_errors():
        address = take_address(storage, os.environ, password_file=password_file)
        make(
            address,
            driver=(driver, driver_password_file),
            viewer=(viewer, viewer_password_file),
            only_print=print_,
            say=_say,
        )


@app.command("export-study")
def export_study_command(
    study: Annotated[str, typer.Argument(help="Study.")],
    file: options.FileToWriteArgument,
    storage: options.StorageOption = None,
    password_file: options.PasswordOption = None,
) -> None:
    """Write all that is stored of a study into a file."""
    from search.commands.transfer import export_study

    with _one_line_errors(), _database(storage, password_file) as database:
        content = export_study(database, study, file)
        _say(f"study {study}: {len(content.trials)} trials written to {file}")


@app.command("import-study")
def import_study_command(
    file: options.FileToReadArgument,
    storage: options.StorageOption = None,
    password_file: options.PasswordOption = None,
) -> None:
    """Store the study of a file in another database, where `resume` goes on with it."""
    from search.commands.transfer import import_study

    with _one_line_errors(), _database(storage, password_file) as database:
        name, content = import_study(database, file)
        _say(f"study {name}: {len(content.trials)} trials stored in {database.address.masked()}")


def _material(
    data: Path | None, modalities: str | None, backbone: str | None, weights: str | None
) -> dict[str, Any]:
    """The settings that features are made from, as the flags give them."""
    return {
        "data.root": None if data is None else str(data.resolve()),
        "data.modalities": None if modalities is None else modalities.split(","),
        "backbone.name": backbone,
        "backbone.weights": _weights(weights),
    }


def _weights(given: str | None) -> str | None:
    """A weights file under a name that holds wherever the search is resumed."""
    if given is None or given in ("hub", "random"):
        return given
    return str(user_path(given).resolve())


def _pairs(flags: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Flags that were given, each with its value."""
    return tuple((flag, str(value)) for flag, value in flags.items() if value is not None)


def _exit(finished: bool) -> None:
    if not finished:
        raise typer.Exit(STOPPED)


def main() -> None:
    """Run the command line."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with any_terminal():
        outlive_readers()
        provide_folders(os.environ, lambda text: typer.echo(text, err=True))
        app()


@contextmanager
def _database(
    storage: str | None, password_file: Path | None, *, read_only: bool = False
) -> Iterator[Database]:
    address = take_address(storage, os.environ, password_file=password_file)
    with open_database(address, read_only=read_only) as database:
        yield database


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Errors that a user can mend are one line; all others keep their traceback."""
    try:
        yield
    except (LeaseHeld, LeaseLost) as error:
        _fail(error, DRIVEN_ELSEWHERE)
    except (FailureBudget, Interrupted, DatabaseAway, ClusterAway) as error:
        _fail(error, STOPPED)
    except (SearchError, StorageError, TrainerError) as error:
        _fail(error, BAD_INPUT)


def _fail(error: Exception, code: int) -> None:
    typer.echo(f"error: {error}", err=True)
    raise typer.Exit(code) from None


def _say(text: str) -> None:
    typer.echo(text)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=1))
