"""Delivers the feature cache to a node that lacks it: over the network, or by computing it there.

Workers open the feature cache in the folder that the driver names. A node that has no such folder
gets its own copy once, however many workers wait for it: the first worker holds a lock, which the
kernel releases when the process ends, and the copy is complete or absent at any time.

How the way is chosen: a few pieces measure the speed of the network. If the whole transfer takes
at most ``SHORT_TRANSFER_SECONDS``, which is what loading a backbone takes, the feature cache is
transferred. Otherwise the node computes the features of a few images, and computes all of them if
``MARGIN`` times the estimated seconds are fewer than those of the transfer. A transferred cache is
bit-identical to the driver's. A recomputed one is so only on the same type of device, and is
therefore computed only there.
"""

import contextlib
import dataclasses
import fcntl
import hashlib
import itertools
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from search.workers.worker import WorkerSetup
from trainer.config.configuration import TrainConfig
from trainer.datasets import open_dataset
from trainer.errors import CacheError, TrainerError
from trainer.features import prepare
from trainer.features.cache import ENTRIES, MANIFEST, build_once, cache_root, check_space, writing
from trainer.features.cache_entry import EntryWriter, read_entry
from trainer.features.extraction import Extraction
from trainer.features.prepare import open_backbone

__all__ = [
    "Delivery",
    "FeatureCacheSource",
    "rebuilding_pays",
    "seconds_to_rebuild",
    "with_local_feature_cache",
]

SHORT_TRANSFER_SECONDS = 30.0
MARGIN = 2.0  # fingerprints, statistics and neighbours take time in addition to the features
MEASURED = 4  # pieces that measure the speed of the network
SAMPLE = 8  # images that measure the speed of computing features
DELIVERIES = "deliveries"  # folder of the locks, in the folder of the cache
SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")

Clock = Callable[[], float]


class FeatureCacheSource(Protocol):
    """A feature cache on another node."""

    def manifest(self) -> str:
        """The text of its manifest."""

    def pieces(self, name: str, size: int) -> Iterator[memoryview]:
        """The ``size`` bytes of one array's file, in order."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """Brings the feature cache to this node."""

    #: Folder of the feature cache on the driver's node.
    named: Path
    source: FeatureCacheSource
    config: TrainConfig
    #: Torch device on which this node would compute features.
    device: str
    clock: Clock = time.monotonic

    def folder(self) -> Path:
        """The folder of the feature cache on this node; delivers it if it is missing.

        Raises:
            CacheError: If it cannot be written here, or arrived damaged.
        """
        if (self.named / MANIFEST).is_file():
            return self.named
        root = self._root()
        with _alone(root, self.named.name):
            return self._bring(root)

    def _root(self) -> Path:
        """The folder that the driver named, if this node can write there; else its own default."""
        named = self.named.parents[1]
        return named if os.access(named, os.W_OK) else cache_root(None)

    def _bring(self, root: Path) -> Path:
        manifest = self.source.manifest()
        if not _complete(root, self.named.name) and self._rebuilding_pays(manifest):
            with contextlib.suppress(TrainerError):  # such as changed data: transfer it instead
                return self._rebuild(root)
        folder, _ = build_once(
            root,
            self.named.name,
            build=lambda partial: _fetch(partial, manifest, self.source),
            waits=lambda: None,
        )
        return folder

    def _rebuilding_pays(self, manifest: str) -> bool:
        if _read(manifest)["description"].get("device") != torch.device(self.device).type:
            return False
        transfer = _transfer_seconds(manifest, self.source, self.clock)
        return rebuilding_pays(
            transfer, lambda: seconds_to_rebuild(self.config, self.device, self.clock)
        )

    def _rebuild(self, root: Path) -> Path:
        dataset_features = prepare(self.config, cache=root, device=self.device, verify="sizes")
        if dataset_features.folder is None or dataset_features.folder.name != self.named.name:
            raise CacheError("the data or the weights of this node differ from the driver's")
        return dataset_features.folder


def with_local_feature_cache(setup: WorkerSetup, source: FeatureCacheSource) -> WorkerSetup:
    """The setup with the folder of this node's feature cache, which is delivered if missing.

    Raises:
        CacheError: If it cannot be written here, or arrived damaged.
    """
    delivery = Delivery(
        named=Path(setup.feature_cache), source=source, config=setup.config, device=setup.device
    )
    return dataclasses.replace(setup, feature_cache=str(delivery.folder()))


def rebuilding_pays(transfer: float, rebuild: Callable[[], float | None]) -> bool:
    """Whether computing the features here is clearly faster than transferring them.

    Args:
        transfer: Seconds of the transfer.
        rebuild: Estimates the seconds that all images take here; None if that is impossible.
            Called only if the transfer is slow.
    """
    if transfer <= SHORT_TRANSFER_SECONDS:
        return False
    seconds = rebuild()
    return seconds is not None and MARGIN * seconds < transfer


def seconds_to_rebuild(config: TrainConfig, device: str, clock: Clock) -> float | None:
    """Estimate the seconds that the features of all images take here, from a few images.

    Returns:
        The estimate, or None if this node lacks the images or the weights.
    """
    try:
        data_set = open_dataset(config.data)
        names = data_set.train.names[:SAMPLE]
        few = dataclasses.replace(data_set.train, names=names)
        extraction = Extraction(
            data_set=dataclasses.replace(data_set, train=few),
            backbone=open_backbone(config, torch.device(device)),
            config=config.features,
            device=torch.device(device),
            progress=lambda what, done, total: None,
        )
        began = clock()
        with tempfile.TemporaryDirectory() as folder, EntryWriter(folder=Path(folder)) as entry:
            extraction.write(entry, "train", {})
        spent = clock() - began
    except TrainerError:
        return None
    work = {
        name: len(split) * rule.each * rule.side**2
        for name, (split, rule) in dataclasses.replace(extraction, data_set=data_set)
        .splits()
        .items()
    }
    sampled = work["train"] * len(names) / len(data_set.train)
    return spent * sum(work.values()) / sampled


def _transfer_seconds(manifest: str, source: FeatureCacheSource, clock: Clock) -> float:
    """Estimate the seconds of the transfer, from the first pieces of the largest array."""
    sizes = _sizes(manifest)
    largest = max(sizes, key=lambda name: sizes[name])
    began = clock()
    first = itertools.islice(source.pieces(largest, sizes[largest]), MEASURED)
    received = sum(len(piece) for piece in first)
    return (clock() - began) * sum(sizes.values()) / received


def _fetch(folder: Path, manifest: str, source: FeatureCacheSource) -> None:
    """Fill an empty folder; the manifest is written last."""
    records = _read(manifest)["arrays"]
    check_space(folder, sum(_sizes(manifest).values()))
    for name, record in records.items():
        _fetch_array(folder, name, record, source)
    with writing(folder), (folder / MANIFEST).open("w", encoding="utf-8") as file:
        file.write(manifest)
        file.flush()
        os.fsync(file.fileno())
    read_entry(folder)  # checks the manifest itself


def _fetch_array(
    folder: Path, name: str, record: dict[str, Any], source: FeatureCacheSource
) -> None:
    digest = hashlib.blake2b(digest_size=16)
    with writing(folder), (folder / f"{name}.npy").open("wb") as file:
        for piece in source.pieces(name, record["size"]):
            file.write(piece)
            digest.update(piece)
        file.flush()
        os.fsync(file.fileno())
    if digest.hexdigest() != record["checksum"]:
        raise CacheError(
            f"the feature cache arrived damaged on this node ({name} differs): resume the search"
            " to send it again"
        )


def _read(manifest: str) -> dict[str, Any]:
    """The content of a manifest whose checksum is not verified yet; its file names are safe."""
    try:
        content = json.loads(manifest)
        names_safe = all(SAFE_NAME.fullmatch(name) for name in content["arrays"])
    except (ValueError, LookupError, TypeError) as error:
        raise CacheError("the feature cache's manifest arrived damaged on this node") from error
    if not names_safe or not content["arrays"]:
        raise CacheError("the feature cache's manifest lists no arrays or unsafe file names")
    return dict(content)


def _sizes(manifest: str) -> dict[str, int]:
    return {name: int(record["size"]) for name, record in _read(manifest)["arrays"].items()}


def _complete(root: Path, key: str) -> bool:
    return (root / ENTRIES / key / MANIFEST).is_file()


@contextlib.contextmanager
def _alone(root: Path, key: str) -> Iterator[None]:
    """Let one process of this node at a time in."""
    path = root / DELIVERIES / f"{key}.lock"
    with writing(root):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
