"""What ``launch`` and ``resume`` do: settings checked, database opened, study driven, end told."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from search.checkpoints.folders import default_checkpoint_root
from search.commands.detaching import detach
from search.commands.launching import Launch, find_to_resume
from search.commands.launching import launch as launch_study
from search.config.assignments import nested
from search.config.configuration import LaunchConfig, resolve
from search.driver.driver import Ending
from search.driver.session import Places
from search.errors import SettingsError
from search.machine.reservations import Terms
from search.machine.resources import Machine, find_machine
from search.planning.dry_run import dry_run
from search.progress.progress import open_progress
from search.reporting import reading, views
from search.reporting.dry_run import plan
from storage.address import Address, parse_address
from storage.database import Database, open_database
from trainer.config.configuration import TrainConfig
from trainer.config.toml_records import toml_text
from trainer.features import validate
from trainer.features.cache import cache_root

__all__ = ["Machinery", "detach_launch", "launch", "resume", "say_notes"]


@dataclass(frozen=True, kw_only=True)
class Machinery:
    """Where and on what to run, as given by flags."""

    workers: int | None
    device: str
    cache: Path | None
    checkpoints: Path | None
    ray_address: str | None
    #: Folder or ``s3://BUCKET/PREFIX`` where checkpoints are kept for other nodes.
    artifacts: str | None = None
    #: Seconds without PostgreSQL, or without Ray, before the search stops.
    patience: float = 0.0
    #: Seconds without progress after which a worker is taken back.
    stall_timeout: float = math.inf
    #: Whether to wait for a study that another process drives.
    standby: bool = False
    #: Whether to wait for cores that other searches hold.
    wait: bool = False
    #: Whether to share cores that other searches hold.
    oversubscribe: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.patience < math.inf:
            raise SettingsError(
                f"--db-patience {self.patience:g} is no number of seconds: give 0 or more"
            )
        if not self.stall_timeout > 0:
            raise SettingsError(
                f"--stall-timeout {self.stall_timeout:g} takes every worker back: give the seconds"
                " that the longest evaluation may last, or inf"
            )
        if self.wait and self.oversubscribe:
            raise SettingsError("--wait and --oversubscribe exclude each other: give one")

    def flags(self) -> list[str]:
        """The flags that were given, but for ``--ray``; what is not secret."""
        given = {
            "--workers": self.workers,
            "--cache": self.cache,
            "--checkpoints": self.checkpoints,
            "--artifacts": self.artifacts,
        }
        flags = [f"--device={self.device}", f"--db-patience={self.patience}"]
        flags += [f"--stall-timeout={self.stall_timeout}", *(["--wait"] if self.wait else [])]
        flags += ["--standby"] if self.standby else []
        return flags + [f"{name}={value}" for name, value in given.items() if value is not None]

    def machine(self) -> Machine:
        """The part of this machine that was asked for."""
        return find_machine(self.device, self.workers, joined=self.ray_address is not None)

    def terms(self) -> Terms:
        """How to share this machine with other searches."""
        return Terms(
            exactly=self.workers is not None, wait=self.wait, oversubscribe=self.oversubscribe
        )

    def places(self) -> Places:
        """The folders, with defaults filled in."""
        return Places(
            cache=cache_root(self.cache).resolve(),
            checkpoints=(self.checkpoints or default_checkpoint_root()).resolve(),
            ray_address=self.ray_address,
            artifacts=_absolute(self.artifacts),
        )


def launch(
    address: Address,
    machinery: Machinery,
    *,
    preset: str,
    file: Path | None,
    study: str | None,
    flags: Mapping[str, Any],
    plain: bool | None,
    dry: bool,
    as_json: bool,
) -> bool:
    """Start a search, or continue the named one; whether it reached its target.

    Args:
        address: The database.
        machinery: Where and on what to run.
        preset: Settings to start from.
        file: A TOML file laid over the preset.
        study: The study's name; None takes the preset's next free one.
        flags: Settings laid over both, as ``{"table.key": value}``; None is not set.
        plain: Lines rather than a live view; None for wherever there is no terminal.
        dry: Only tell what would be done.
        as_json: Tell it as JSON.
    """
    config = resolve(preset, file, nested(flags))
    if dry:
        _tell_dry_run(address, machinery, config, study=study, preset=preset, as_json=as_json)
        return True
    if as_json:
        raise SettingsError("--json goes with --dry-run: a search itself prints lines")
    request = Launch(
        study=study,
        preset=preset,
        config=config,
        trials_given=flags["search.trials"] is not None,
        machine=machinery.machine(),
        terms=machinery.terms(),
        places=machinery.places(),
        patience=machinery.patience,
        stall_timeout=machinery.stall_timeout,
        standby=machinery.standby,
    )
    say_notes(request.config.train)
    with open_database(address) as database:
        return _drive(request, database, plain=plain)


def detach_launch(
    machinery: Machinery,
    *,
    preset: str,
    file: Path | None,
    study: str | None,
    flags: Mapping[str, Any],
    storage: str | None,
    password_file: Path | None,
) -> None:
    """Start a search on a Ray cluster and leave it there.

    Args:
        machinery: Where and on what to run.
        preset: Settings to start from.
        file: A TOML file laid over the preset.
        study: The study's name.
        flags: Settings laid over both, as ``{"table.key": value}``; None is not set.
        storage: The database by flag, which is refused.
        password_file: File of the password, on the node where the search will run.
    """
    config = resolve(preset, file, nested(flags))
    trials = flags["search.trials"]
    arguments = [f"--preset={preset}", *machinery.flags()]
    arguments += [] if trials is None else [f"--trials={trials}"]
    arguments += [] if password_file is None else [f"--password-file={password_file}"]
    detach(
        arguments,
        toml_text(config.to_table()),
        study=study,
        ray_address=machinery.ray_address,
        storage=storage,
        say=typer.echo,
    )


def resume(
    address: Address,
    machinery: Machinery,
    *,
    study: str | None,
    trials: int | None,
    data: Path | None,
    backbone_weights: str | None,
    plain: bool | None,
) -> bool:
    """Go on with a search as it is stored; whether it reached its target.

    Args:
        address: The database.
        machinery: Where and on what to run.
        study: The study; None takes the last unfinished one.
        trials: Another number of trials to finish.
        data: Folder of the data set on this machine, where it differs.
        backbone_weights: Weights file on this machine, where it differs.
        plain: Lines rather than a live view; None for wherever there is no terminal.
    """
    machine = machinery.machine()
    with open_database(address) as database:
        record = find_to_resume(database, study, standby=machinery.standby)
        typer.echo(f"resuming study {record.name}")
        table: dict[str, Any] = dict(record.config)
        target = record.trials if trials is None else trials
        table["search"] = {**table["search"], "trials": target}
        if data is not None:
            table["data"] = {**table["data"], "root": str(data.resolve())}
        if backbone_weights is not None:
            table["backbone"] = {**table["backbone"], "weights": backbone_weights}
        request = Launch(
            study=record.name,
            preset="",
            config=LaunchConfig.from_table(table),
            trials_given=trials is not None,
            machine=machine,
            terms=machinery.terms(),
            places=machinery.places(),
            patience=machinery.patience,
            stall_timeout=machinery.stall_timeout,
            standby=machinery.standby,
        )
        say_notes(request.config.train)
        return _drive(request, database, plain=plain)


def say_notes(config: TrainConfig) -> None:
    """Refuse data or weights that cannot be used, and print what is worth knowing of the data.

    Raises:
        ConfigError, DataError, WeightsError: As :func:`trainer.features.validate` does.
    """
    for note in validate(config):
        typer.echo(f"note: {note}")


def _drive(request: Launch, database: Database, *, plain: bool | None) -> bool:
    console = Console()
    result = launch_study(
        request,
        database,
        open_progress=lambda: open_progress(console, plain=plain),
        open_preparing=lambda: views.preparing(console),
        say=typer.echo,
    )
    view = reading.read_study(database, result.study)
    storage = _storage_flag(database.address)
    console.print(views.summary(view, result.seconds, storage=storage), crop=False)
    if result.ending is Ending.STOPPED:
        typer.echo(f"stopped: {result.reason}")
    return result.ending is Ending.FINISHED


def _absolute(place: str | None) -> str | None:
    """A folder by a name that holds wherever the search is resumed."""
    return place if place is None or "://" in place else str(Path(place).resolve())


def _tell_dry_run(
    address: Address,
    machinery: Machinery,
    config: LaunchConfig,
    *,
    study: str | None,
    preset: str,
    as_json: bool,
) -> None:
    found = dry_run(
        config,
        study=study,
        preset=preset,
        machine=machinery.machine(),
        places=machinery.places(),
        address=address,
    )
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=1))
    else:
        Console().print(plan(found))


def _storage_flag(address: Address) -> str:
    """The flag that reaches the same database, without the password; nothing for the default."""
    open_ = address.without_password()
    return "" if open_ == parse_address(None) else f" --storage {open_.masked()}"
