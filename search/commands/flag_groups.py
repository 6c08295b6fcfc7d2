"""The groups of flags that commands share, and what their values say together."""

import contextlib
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from typer import Option

from search.commands.options import DB_PATIENCE_SECONDS, PatienceOption, path_option
from search.config.assignments import nested, parse_fixes, parse_ranges
from search.errors import SettingsError
from search.objectives import OBJECTIVES
from storage.address import Address, take_address
from storage.database import Database, open_database
from trainer.config.paths import user_path
from trainer.config.sources import Layers, read_layers
from trainer.methods import METHODS

__all__ = [
    "DataFlags",
    "FeatureFlags",
    "ResourceFlags",
    "RunFlags",
    "SourceFlags",
    "SpaceFlags",
    "StorageFlags",
    "TargetFlags",
]

STALL_SECONDS = 1800.0  # an evaluation of a large split on a processor takes minutes


@dataclass(frozen=True, kw_only=True)
class StorageFlags:
    """Which database."""

    storage: Annotated[
        str | None,
        Option(help="embedded[:FOLDER], or postgresql://USER@HOST/NAME without a password."),
    ] = None
    password_file: Annotated[
        Path | None, path_option("File whose first line is the database password.", "FILE")
    ] = None

    def address(self) -> Address:
        """The database's address; what is secret is taken out of the environment."""
        return take_address(self.storage, os.environ, password_file=self.password_file)

    @contextlib.contextmanager
    def opened(self, *, read_only: bool = False) -> Iterator[Database]:
        """The database, for the length of a block."""
        with open_database(self.address(), read_only=read_only) as database:
            yield database


@dataclass(frozen=True, kw_only=True)
class SourceFlags:
    """Which settings lie below the flags."""

    preset: Annotated[
        str | None,
        Option(help="Settings to start from; default rooms, or own for data of your own."),
    ] = None
    config: Annotated[Path | None, path_option("TOML file laid over the preset.", "FILE")] = None

    def layers(self, flags: Mapping[str, Any]) -> Layers:
        """Preset, file and flags, by where each setting comes from.

        Args:
            flags: What flags gave, as ``{"table.key": value}``; None for what was not given.
        """
        return read_layers(self.preset, self.config, nested(flags))


@dataclass(frozen=True, kw_only=True)
class TargetFlags:
    """How long is searched, and for what."""

    trials: Annotated[int | None, Option(help="Trials to finish.")] = None
    objective: Annotated[
        str | None, Option(help=f"What to maximise: {', '.join(OBJECTIVES)}.")
    ] = None

    def settings(self) -> dict[str, Any]:
        """The same as settings, by ``table.key``."""
        return {"search.trials": self.trials, "search.objective": self.objective}


@dataclass(frozen=True, kw_only=True)
class DataFlags:
    """Where data and weights are on this machine."""

    data: Annotated[Path | None, path_option("Folder of the data set.")] = None
    backbone_weights: Annotated[str | None, Option(help="hub, FILE or random.")] = None

    def settings(self) -> dict[str, Any]:
        """The same as settings, by ``table.key``; paths hold wherever the search is resumed."""
        weights = self.backbone_weights
        if weights is not None and weights not in ("hub", "random"):
            weights = str(user_path(weights).resolve())
        return {
            "data.root": None if self.data is None else str(self.data.resolve()),
            "backbone.weights": weights,
        }


@dataclass(frozen=True, kw_only=True)
class FeatureFlags(DataFlags):
    """What features are made from."""

    modalities: Annotated[
        str | None, Option(help="Modalities, comma-separated, the anchor first.")
    ] = None
    backbone: Annotated[str | None, Option(help="patch-stats or a timm ViT.")] = None

    def settings(self) -> dict[str, Any]:
        """The same as settings, by ``table.key``."""
        modalities = None if self.modalities is None else self.modalities.split(",")
        return {
            **super().settings(),
            "data.modalities": modalities,
            "backbone.name": self.backbone,
        }


@dataclass(frozen=True, kw_only=True)
class SpaceFlags:
    """What is searched, and how."""

    seed: Annotated[int | None, Option(help="Seed of the study.")] = None
    method: Annotated[str | None, Option(help=f"One of {', '.join(METHODS)}.")] = None
    space: Annotated[str | None, Option(help="Search space: paper or per-modality.")] = None
    fix: Annotated[
        list[str] | None,
        Option(metavar="NAME=VALUE", help="Give this a value instead of searching it."),
    ] = None
    range_: Annotated[
        list[str] | None,
        Option("--range", metavar="NAME=LOW:HIGH", help="Search this in this range."),
    ] = None
    sampler: Annotated[str | None, Option(help="Sampler.")] = None
    pruner: Annotated[str | None, Option(help="Competitive pruner.")] = None
    iterations: Annotated[int | None, Option(help="Iterations of a run.")] = None

    def settings(self) -> dict[str, Any]:
        """The same as settings, by ``table.key``.

        Raises:
            SettingsError: If a range or a fixed value is not written as one.
        """
        return {
            "search.seed": self.seed,
            "method.name": self.method,
            "search.space": self.space,
            "hyper": parse_fixes(self.fix or ()) or None,
            "search.ranges": parse_ranges(self.range_ or ()) or None,
            "search.sampler": self.sampler,
            "search.pruner": self.pruner,
            "training.iterations": self.iterations,
        }


@dataclass(frozen=True, kw_only=True)
class ResourceFlags:
    """On what to run, and where to keep what is made."""

    workers: Annotated[
        int | None,
        Option(help="Workers; default one a free GPU, or a free core without GPUs."),
    ] = None
    device: Annotated[str, Option(help="auto, cpu or cuda.")] = "auto"
    cache: Annotated[Path | None, path_option("Folder of the feature cache.")] = None
    checkpoints: Annotated[Path | None, path_option("Folder of the checkpoints.")] = None
    ray: Annotated[str | None, Option(help="Ray cluster to join; default our own.")] = None


@dataclass(frozen=True, kw_only=True)
class RunFlags(ResourceFlags):
    """The same for a search, and how it gets along with others and with outages."""

    wait: Annotated[bool, Option("--wait", help="Wait for cores that other searches hold.")] = (
        False
    )
    oversubscribe: Annotated[
        bool, Option("--oversubscribe", help="Share cores that other searches hold.")
    ] = False
    db_patience: PatienceOption = DB_PATIENCE_SECONDS
    stall_timeout: Annotated[
        float,
        Option(metavar="SECONDS", help="Take a worker back that shows no progress for so long."),
    ] = STALL_SECONDS
    artifacts: Annotated[
        str | None,
        Option(
            "--artifacts",
            metavar="DIR|s3://BUCKET/PREFIX",
            help="Keep checkpoints here, too, so that any node can go on with a trial.",
        ),
    ] = None
    standby: Annotated[
        bool,
        Option(
            "--standby", help="Wait for a study that is driven elsewhere; go on when that is gone."
        ),
    ] = False

    def __post_init__(self) -> None:
        if not 0 <= self.db_patience < math.inf:
            raise SettingsError(
                f"--db-patience {self.db_patience:g} is no number of seconds: give 0 or more"
            )
        if not self.stall_timeout > 0:
            raise SettingsError(
                f"--stall-timeout {self.stall_timeout:g} takes every worker back: give the seconds"
                " that the longest evaluation may last, or inf"
            )
        if self.wait and self.oversubscribe:
            raise SettingsError("--wait and --oversubscribe exclude each other: give one")
