"""``launch --dry-run``: what would be done, from settings, a look at the data, a few steps.

The database is not opened, so that no server is started and no study is named or made.
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
    """What a launch would do."""

    #: Name of the study, or what it would be made of.
    study: str
    config: LaunchConfig
    #: Where its settings come from.
    layers: Layers
    options: RunOptions
    #: Cores and GPUs that other searches hold now, and who.
    held: Mapping[str, str]
    #: Evaluations of a trial that is not pruned.
    evaluations: int
    space: Space
    dataset_summary: DatasetSummary
    costs: Costs
    #: The database, masked.
    storage: str
    #: Free bytes where the cache and the checkpoints lie.
    cache_free: int
    checkpoints_free: int
    #: Bytes of memory that this process and what it starts may take.
    memory: int
    #: What a quota of processor time leaves of the cores; None without one.
    quota: str | None
    #: What is worth knowing of the data, a line each.
    notes: tuple[str, ...] = ()

    @property
    def trial_seconds(self) -> float:
        """Of a trial that is not pruned, on a worker that has its core to itself."""
        steps = self.config.train.training.iterations * self.costs.iteration_seconds
        return steps + self.evaluations * self.costs.evaluation_seconds

    @property
    def at_once(self) -> int:
        """Workers that do not slow each other down."""
        most = len(self.options.machine.gpus) or len(usable_cores())
        return min(self.options.machine.workers, most)

    @property
    def seconds(self) -> float:
        """Of the whole search if nothing were pruned, the features aside."""
        return self.config.search.trials * self.trial_seconds / self.at_once

    @property
    def checkpoint_bytes(self) -> int:
        """Most that lies on the disk at a time: the trials under way, and the best one."""
        return (self.options.machine.workers + 1) * self.costs.checkpoint_bytes

    def to_json(self) -> dict[str, Any]:
        """The same for scripts."""
        return {
            "study": self.study,
            "settings": dict(self.layers.said()),
            "trials": self.config.search.trials,
            "iterations": self.config.train.training.iterations,
            "evaluations": self.evaluations,
            "workers": self.options.machine.workers,
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
    """See what a launch of a new study would do; writes nothing.

    Raises:
        ConfigError, DataError, WeightsError: Where a launch would refuse, too.
    """
    config = resolve_layers(layers)
    notes = check_dataset(config).notes
    found = dataset_summary(config.train)
    return DryRun(
        study=study or f"{layers.title}-N, the next free number",
        config=config,
        layers=layers,
        options=options,
        held=holders(),
        evaluations=len(config.train.evaluate_at(crops=found.crops)),
        space=config.space(),
        dataset_summary=found,
        costs=measure(config.train, found, torch.device(options.machine.own_device)),
        storage=address.masked(),
        cache_free=_free_bytes(options.paths.cache),
        checkpoints_free=_free_bytes(options.paths.checkpoints),
        memory=usable_memory(),
        quota=quota_text(),
        notes=notes,
    )


def _free_bytes(folder: Path) -> int:
    """Free bytes where a folder lies, or will."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(there).free
