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
from search.commands.launching import Launch, configure, find_to_resume
from search.commands.launching import launch as launch_study
from search.commands.notices import tell_notes
from search.config.assignments import nested
from search.config.configuration import LaunchConfig, resolve_layers
from search.driver.driver import Ending
from search.driver.session import Places
from search.errors import SettingsError
from search.machine.reservations import Terms
from search.machine.resources import Machine, find_machine
from search.planning.checking import check_dataset
from search.planning.dry_run import dry_run
from search.progress.progress import open_progress
from search.reporting import reading, terminal
from search.reporting.dry_run import plan
from storage.address import Address, parse_address
from storage.database import Database, open_database
from trainer.config.paths import user_path
from trainer.config.sources import Layers, read_layers
from trainer.config.toml_records import toml_text
from trainer.console.progress import open_teller
from trainer.features.cache import cache_root

__all__ = ["Machinery", "detach_launch", "launch", "resume"]


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

    def request(
        self, machine: Machine, *, study: str | None, layers: Layers, config: LaunchConfig
    ) -> Launch:
        """A launch with these settings on that machine."""
        return Launch(
            study=study,
            title=layers.title,
            layers=layers,
            config=config,
            trials_given="trials" in layers.flags.get("search", {}),
            machine=machine,
            terms=self.terms(),
            places=self.places(),
            patience=self.patience,
            stall_timeout=self.stall_timeout,
            standby=self.standby,
        )


def launch(
    address: Address,
    machinery: Machinery,
    layers: Layers,
    *,
    study: str | None,
    plain: bool | None,
    dry: bool,
    as_json: bool,
) -> bool:
    """Start a search, or continue the named one; whether it reached its target.

    Args:
        address: The database.
        machinery: Where and on what to run.
        layers: The settings that were given.
        study: The study's name; None takes the next free one.
        plain: Lines rather than a live view; None for wherever there is no terminal.
        dry: Only tell what would be done.
        as_json: Tell it as JSON.
    """
    if dry:
        _tell_dry_run(address, machinery, layers, study=study, as_json=as_json)
        return True
    if as_json:
        raise SettingsError("--json goes with --dry-run: a search itself prints lines")
    if study is None:  # all that can be refused is, before a server is started
        check_dataset(resolve_layers(layers))
    machine = machinery.machine()
    with open_database(address) as database:
        request = machinery.request(
            machine,
            study=study,
            layers=layers,
            config=configure(database, study, layers),
        )
        return _drive(request, database, plain=plain)


def detach_launch(
    machinery: Machinery,
    layers: Layers,
    *,
    study: str | None,
    storage: str | None,
    password_file: Path | None,
) -> None:
    """Start a search on a Ray cluster and leave it there.

    Args:
        machinery: Where and on what to run.
        layers: The settings that were given; they are checked here and sent as they are.
        study: The study's name.
        storage: The database by flag, which is refused.
        password_file: File of the password, on the node where the search will run.
    """
    resolve_layers(layers)
    given = layers.given()
    trials = layers.flags.get("search", {}).get("trials")
    arguments = [f"--preset={layers.preset}", *machinery.flags()]
    arguments += [] if trials is None else [f"--trials={trials}"]
    arguments += [] if password_file is None else [f"--password-file={password_file}"]
    detach(
        arguments,
        toml_text(given),
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
    flags: Mapping[str, Any],
    plain: bool | None,
) -> bool:
    """Go on with a search as it is stored; whether it reached its target.

    Args:
        address: The database.
        machinery: Where and on what to run.
        study: The study; None takes the last unfinished one.
        flags: Another number of trials, places on this machine, as ``{"table.key": value}``.
        plain: Lines rather than a live view; None for wherever there is no terminal.
    """
    machine = machinery.machine()
    layers = read_layers(None, None, nested(flags))
    with open_database(address) as database:
        record = find_to_resume(database, study, standby=machinery.standby)
        typer.echo(f"resuming study {record.name}")
        request = machinery.request(
            machine,
            study=record.name,
            layers=layers,
            config=configure(database, record.name, layers),
        )
        return _drive(request, database, plain=plain)


def _drive(request: Launch, database: Database, *, plain: bool | None) -> bool:
    tell_notes(check_dataset(request.config), typer.echo)
    console = Console()
    result = launch_study(
        request,
        database,
        open_progress=lambda: open_progress(console, plain=plain),
        open_preparing=lambda: open_teller(console),
        say=typer.echo,
    )
    view = reading.read_study(database, result.study)
    storage = _storage_flag(database.address)
    console.print(terminal.summary(view, result.seconds, storage=storage), crop=False)
    if result.ending is Ending.STOPPED:
        typer.echo(f"stopped: {result.reason}")
    return result.ending is Ending.FINISHED


def _absolute(place: str | None) -> str | None:
    """A folder by a name that holds wherever the search is resumed."""
    return place if place is None or "://" in place else str(user_path(place).resolve())


def _tell_dry_run(
    address: Address,
    machinery: Machinery,
    layers: Layers,
    *,
    study: str | None,
    as_json: bool,
) -> None:
    found = dry_run(
        layers,
        study=study,
        machine=machinery.machine(),
        places=machinery.places(),
        address=address,
    )
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=1))
    else:
        Console().print(plan(found))


def _storage_flag(address: Address) -> tuple[str, ...]:
    """The flag that reaches the same database, without the password; nothing for the default."""
    open_ = address.without_password()
    return () if open_ == parse_address(None) else ("--storage", open_.masked())
