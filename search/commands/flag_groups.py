"""Groups of flags that several commands share, and the settings that they stand for."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from typer import Option

from search.commands.names import one_of, split_names
from search.commands.options import DB_PATIENCE_SECONDS, PatienceOption, path_option
from search.config.assignments import nested, parse_fixes, parse_ranges
from search.errors import SettingsError
from search.machine.whose_pictures import DEFAULT_PICTURES, WhosePictures
from search.objectives import OBJECTIVES
from search.samplers import HUB_PREFIX, SAMPLERS
from search.spaces import SPACES
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
    "TargetFlags",
]

STALL_SECONDS = 1800.0  # evaluating a large split on a CPU takes minutes


@dataclass(frozen=True, kw_only=True)
class SourceFlags:
    """The settings that flags override."""

    preset: Annotated[
        str | None,
        Option(help="Settings to start from. Default: rooms, or own with your own data."),
    ] = None
    config: Annotated[
        Path | None, path_option("TOML file whose settings override the preset.", "FILE")
    ] = None

    def layers(self, flags: Mapping[str, Any]) -> Layers:
        """Preset, file and flags, kept apart by source.

        Args:
            flags: Values of the flags as ``{"table.key": value}``; None for a flag left out.
        """
        return read_layers(self.preset, self.config, nested(flags))


@dataclass(frozen=True, kw_only=True)
class TargetFlags:
    """The target of a search: how many trials, and what to maximise."""

    trials: Annotated[
        int | None, Option(help="Number of trials to finish, complete or pruned.")
    ] = None
    objective: Annotated[
        str | None, Option(help=f"What to maximise: {', '.join(OBJECTIVES)}.")
    ] = None

    def settings(self) -> dict[str, Any]:
        """The same as settings, by ``table.key``."""
        return {"search.trials": self.trials, "search.objective": self.objective}


@dataclass(frozen=True, kw_only=True)
class DataFlags:
    """Where this machine has the data and the weights."""

    data: Annotated[Path | None, path_option("Folder of the data set.")] = None
    backbone_weights: Annotated[
        str | None, Option(help="Weights of the backbone: hub, random, or the path of a file.")
    ] = None

    def settings(self) -> dict[str, Any]:
        """The settings by ``table.key``; paths are absolute, so that any folder can resume."""
        weights = self.backbone_weights
        if weights is not None and weights not in ("hub", "random"):
            weights = str(user_path(weights).resolve())
        return {
            "data.root": None if self.data is None else str(self.data.resolve()),
            "backbone.weights": weights,
        }


@dataclass(frozen=True, kw_only=True)
class FeatureFlags(DataFlags):
    """What features are computed from."""

    modalities: Annotated[
        str | None, Option(help="Modalities, separated by commas, rgb first.")
    ] = None
    backbone: Annotated[
        str | None,
        Option(help="Backbone: patch-stats, efficientnet-lite0, or the name of a timm model."),
    ] = None

    def settings(self) -> dict[str, Any]:
        """The settings by ``table.key``.

        Raises:
            SettingsError: If a modality has no name.
        """
        given = self.modalities
        return {
            **super().settings(),
            "data.modalities": None if given is None else split_names("--modalities", given),
            "backbone.name": self.backbone,
        }


@dataclass(frozen=True, kw_only=True)
class SpaceFlags:
    """The hyper-parameters to search, and how to search them."""

    seed: Annotated[int | None, Option(help="Seed of the study.")] = None
    method: Annotated[str | None, Option(help=f"Method: {', '.join(METHODS)}.")] = None
    space: Annotated[
        str | None,
        Option(
            help=f"Search space: {one_of(entry.listed(name) for name, entry in SPACES.items())}."
        ),
    ] = None
    fix: Annotated[
        list[str] | None,
        Option(metavar="NAME=VALUE", help="Fix a hyper-parameter instead of searching it."),
    ] = None
    range_: Annotated[
        list[str] | None,
        Option(
            "--range",
            metavar="NAME=LOW:HIGH",
            help="Search a hyper-parameter, or the learning rate, in this range.",
        ),
    ] = None
    sampler: Annotated[
        str | None,
        Option(help=f"Sampler: {one_of([*SAMPLERS, f'{HUB_PREFIX}NAME of OptunaHub'])}."),
    ] = None
    pruner: Annotated[
        str | None,
        Option(
            help="Pruner, such as competitive, auto, median or none. Collapse rules always apply."
        ),
    ] = None
    iterations: Annotated[int | None, Option(help="Iterations of each training run.")] = None

    def settings(self) -> dict[str, Any]:
        """The settings by ``table.key``.

        Raises:
            SettingsError: If a ``--fix`` or ``--range`` does not have the expected form.
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
    """The machine to run on, and the folders to write to."""

    workers: Annotated[
        int | None,
        Option(
            help="Number of workers. Default: one per free GPU, or per free core without GPUs."
        ),
    ] = None
    slots: Annotated[
        str,
        Option(
            metavar="N|auto",
            help="Trials that each worker trains at once; auto measures a GPU, and is 1 on a CPU.",
        ),
    ] = "1"
    device: Annotated[str, Option(help="Device to train on: auto, cpu or cuda.")] = "auto"
    cache: Annotated[Path | None, path_option("Folder of the feature cache.")] = None
    checkpoints: Annotated[Path | None, path_option("Folder of the checkpoints.")] = None
    ray: Annotated[
        str | None,
        Option(
            metavar="HOST:PORT",
            help="Ray cluster to join. Default: start a private Ray on this machine.",
        ),
    ] = None

    def slot_count(self) -> int | None:
        """The number of slots; None if it is to be measured.

        Raises:
            SettingsError: If it is neither a number nor ``auto``.
        """
        if self.slots == "auto":
            return None
        if not self.slots.isdecimal():
            raise SettingsError(f"--slots {self.slots} is not understood: give a number, or auto")
        return int(self.slots)


@dataclass(frozen=True, kw_only=True)
class RunFlags(ResourceFlags):
    """The flags of a search: also how to share the machine, and how to handle outages."""

    wait: Annotated[
        bool, Option("--wait", help="Wait until other searches release enough cores or GPUs.")
    ] = False
    oversubscribe: Annotated[
        bool, Option("--oversubscribe", help="Use cores and GPUs that other searches hold, too.")
    ] = False
    db_patience: PatienceOption = DB_PATIENCE_SECONDS
    stall_timeout: Annotated[
        float,
        Option(
            metavar="SECONDS",
            help="Restart a worker that makes no progress for this many seconds.",
        ),
    ] = STALL_SECONDS
    artifacts: Annotated[
        str | None,
        Option(
            "--artifacts",
            metavar="DIR|s3://BUCKET/PREFIX",
            help="Store checkpoints here as well, so that any node can resume a trial.",
        ),
    ] = None
    pictures: Annotated[
        WhosePictures,
        Option(help="Trials to draw pictures of: finished, all (pruned ones as well), or none."),
    ] = DEFAULT_PICTURES
    standby: Annotated[
        bool,
        Option(
            "--standby",
            help="If another process drives the study, wait, and take over when it is gone.",
        ),
    ] = False

    def __post_init__(self) -> None:
        if not 0 <= self.db_patience < math.inf:
            raise SettingsError(
                f"--db-patience {self.db_patience:g} is not a number of seconds: give 0 or more"
            )
        if not self.stall_timeout > 0:
            raise SettingsError(
                f"--stall-timeout {self.stall_timeout:g} would restart every worker: give the"
                " seconds that the longest evaluation may take, or inf"
            )
        if self.wait and self.oversubscribe:
            raise SettingsError("--wait and --oversubscribe exclude each other: give one")
