"""Whether training could start: requirements of a configuration other than sound images."""

from dataclasses import dataclass
from pathlib import Path

import torch

from trainer.config.configuration import TrainConfig
from trainer.console.sizes import bytes_text
from trainer.datasets import DataSet
from trainer.errors import CacheError, DataError, WeightsError
from trainer.features.cache import SPARE, cache_root, free_space
from trainer.features.extraction import Extraction
from trainer.features.inventory import list_entries
from trainer.features.prepare import check_crops, made_from, open_backbone
from trainer.inspection.facts import Finding

__all__ = ["Readiness", "measure_readiness"]


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """Size of a feature cache entry, and faults that prevent building it."""

    #: Bytes of the cache entry; None if the backbone is not available.
    needed: int | None
    #: Free bytes in the cache's file system; None if unknown.
    free: int | None
    #: The cache's folder.
    folder: Path
    #: Whether the cache has a complete entry for this configuration.
    built: bool
    faults: tuple[Finding, ...]


def measure_readiness(config: TrainConfig, data_set: DataSet, cache: Path | None) -> Readiness:
    """Check crops, backbone, weights and disk as training will do.

    Raises:
        ConfigError: If the backbone's name or a resolution is wrong.
    """
    faults, needed, free = [], None, None
    try:
        check_crops(data_set, config.features)
    except DataError as error:
        faults.append(Finding(kind="crops", text=str(error)))
    try:
        needed = _size(config, data_set)
    except WeightsError as error:
        faults.append(Finding(kind="weights", text=str(error)))
    root = cache_root(cache)
    built = any(
        entry.complete and entry.mirrored is None and entry.made_from == made_from(config)
        for entry in list_entries(root)
    )
    try:
        free = free_space(root)
    except CacheError as error:
        faults.append(Finding(kind="cache", text=str(error)))
    if needed is not None and free is not None and not built and free < needed + SPARE:
        faults.append(
            Finding(
                kind="disk",
                text=f"the feature cache needs {bytes_text(needed + SPARE)} but {root} has"
                f" {bytes_text(free)} free: free space or give another folder by --cache",
            )
        )
    return Readiness(needed=needed, free=free, folder=root, built=built, faults=tuple(faults))


def _size(config: TrainConfig, data_set: DataSet) -> int:
    device = torch.device("cpu")
    return Extraction(
        data_set=data_set,
        backbone=open_backbone(config, device),
        config=config.features,
        device=device,
        progress=lambda what, done, total: None,
    ).size()
