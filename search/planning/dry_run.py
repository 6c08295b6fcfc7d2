"""``launch --dry-run``: what a search would do and cost.

It reads the settings and the data, and measures a few training steps. It does not open the
database, so it starts no server and creates no study.
"""

import dataclasses
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from search.config.configuration import LaunchConfig, resolve_layers
from search.machine.reservations import holders
from search.machine.resources import quota_text, usable_cores
from search.machine.run_options import RunOptions
from search.planning.checking import check_dataset
from search.planning.costs import Costs, measure
from search.spaces import Space
from storage.address import Address
from trainer.config.sources import Layers
from trainer.control_group import usable_memory
from trainer.features.dataset_summary import DatasetSummary, dataset_summary

__all__ = ["DryRun", "dry_run"]


@dataclass(frozen=True, kw_only=True)
class DryRun:
    """What a launch would do and cost."""

    #: Name of the study, or how it would be chosen.
    study: str
    config: LaunchConfig
    #: The settings by source.
    layers: Layers
    options: RunOptions
    #: Cores and GPUs that other searches hold now, and who holds each.
    held: Mapping[str, str]
    #: Evaluations of a trial that is not pruned.
    evaluations: int
    space: Space
    dataset_summary: DatasetSummary
    costs: Costs
    #: Address of the database, without secrets.
    storage: str
    #: Free bytes on the disks of the cache and of the checkpoints.
    cache_free: int
    checkpoints_free: int
    #: Bytes of memory that this process and its children may use.
    memory: int
    #: The effect of a CPU quota, in words; None without a quota.
    quota: str | None
    #: Notes about the data, one line each.
    notes: tuple[str, ...] = ()

    @property
    def trial_seconds(self) -> float:
        """Duration of a trial that is not pruned, on a core or GPU of its own."""
        steps = self.config.train.training.iterations * self.costs.iteration_seconds
        evaluations = self.evaluations * self.options.machine.slots  # those of other slots, too
        return steps + evaluations * self.costs.evaluation_seconds

    @property
    def at_once(self) -> int:
        """Number of trials that train at the same time on workers that run at full speed."""
        machine = self.options.machine
        most = len(machine.gpus) or len(usable_cores())
        return min(machine.workers, most) * machine.slots

    @property
    def seconds(self) -> float:
        """Duration of the whole search without pruning, and without computing features."""
        return self.config.search.trials * self.trial_seconds / self.at_once

    @property
    def checkpoint_bytes(self) -> int:
        """Largest size of all checkpoints: those of the running trials and of the best one."""
        return (self.options.machine.seats + 1) * self.costs.checkpoint_bytes

    def to_json(self) -> dict[str, Any]:
        """The dry run as JSON, for scripts."""
        return {
            "study": self.study,
            "settings": dict(self.layers.said()),
            "trials": self.config.search.trials,
            "iterations": self.config.train.training.iterations,
            "evaluations": self.evaluations,
            "workers": self.options.machine.workers,
            "slots": self.options.machine.slots,
            "device": self.options.machine.device,
            "gpus": list(self.options.machine.gpus),
            "held": dict(self.held),
            "seconds": self.seconds,
            "trial_seconds": self.trial_seconds,
            "measured": dataclasses.asdict(self.costs),
            "space": self.space.to_json()["knobs"],
            "fixed": dict(self.config.train.hyper),
            "images": dict(self.dataset_summary.images),
            "crops": self.dataset_summary.crops,
            "bank_bytes": self.dataset_summary.cache_bytes,
            "kept_bytes": self.dataset_summary.kept_bytes,
            "checkpoint_bytes": self.checkpoint_bytes,
            "free_bytes": {"cache": self.cache_free, "checkpoints": self.checkpoints_free},
            "memory_bytes": self.memory,
            "quota": self.quota,
            "storage": self.storage,
            "cache": str(self.options.paths.cache),
            "checkpoints": str(self.options.paths.checkpoints),
            "config": self.config.to_table(),
            "notes": list(self.notes),
        }


def dry_run(
    layers: Layers,
    *,
    study: str | None,
    options: RunOptions,
    address: Address,
) -> DryRun:
    """Find out what a launch of a new study would do and cost, without writing anything.

    Raises:
        ConfigError, DataError, WeightsError: If a launch would raise it, too.
    """
    config = resolve_layers(layers)
    notes = check_dataset(config).notes
    found = dataset_summary(config.train)
    return DryRun(
        study=study or f"{layers.title}-N (N: the next free number)",
        config=config,
        layers=layers,
        options=options,
        held=holders(),
        evaluations=len(config.train.evaluate_at(crops=found.crops)),
        space=config.space(),
        dataset_summary=found,
        costs=measure(
            config.train,
            found,
            torch.device(options.machine.own_device),
            slots=options.machine.slots,
        ),
        storage=address.masked(),
        cache_free=_free_bytes(options.paths.cache),
        checkpoints_free=_free_bytes(options.paths.checkpoints),
        memory=usable_memory(),
        quota=quota_text(),
        notes=notes,
    )


def _free_bytes(folder: Path) -> int:
    """Free bytes on the disk of a folder, which need not exist yet."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(existing).free
