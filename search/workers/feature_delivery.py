"""How the feature cache comes to a node that lacks it: over the wire, or made again there.

Workers open the bank in the folder that the driver names. A node that sees no bank there gets
one of its own, once, however many workers wait for it: whoever is first holds a lock that the
kernel drops with the process, and the bank is complete or absent, as in any cache.

The rule. The wire is measured with a few pieces of the bank. Where that says at most
``SHORT_WIRE_SECONDS``, the bank comes over the wire: to load a backbone takes as long. Else a few
images are made into features here, and the bank is made again if that is clearly cheaper: if
``MARGIN`` times the seconds of all images, at the pace of those few, are fewer than those of the
wire. What comes over the wire is the driver's bank bit by bit. What is made again is so only on
the same kind of device, and so it is made again only there.
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

__all__ = ["BankSource", "Delivery", "rebuilding_pays", "seconds_to_rebuild", "with_bank_here"]

SHORT_WIRE_SECONDS = 30.0
MARGIN = 2.0  # fingerprints, statistics and neighbours come on top of the features
MEASURED = 4  # pieces that tell the wire's pace
SAMPLE = 8  # images whose features tell the pace
DELIVERIES = "deliveries"  # folder in the cache's, for the locks
SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")

Clock = Callable[[], float]


class BankSource(Protocol):
    """A bank on another node."""

    def manifest(self) -> str:
        """The text of its manifest."""

    def pieces(self, name: str, size: int) -> Iterator[memoryview]:
        """The bytes of one array's file, in order; ``size`` of them in all."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What it takes to have the bank here."""

    #: The bank's folder on the driver's node.
    named: Path
    source: BankSource
    config: TrainConfig
    #: Torch device that features would be made on here.
    device: str
    clock: Clock = time.monotonic

    def folder(self) -> Path:
        """The bank's folder on this node; brings it here if it is not there.

        Raises:
            CacheError: If it cannot be written here, or came damaged.
        """
        if (self.named / MANIFEST).is_file():
            return self.named
        root = self._root()
        with _alone(root, self.named.name):
            return self._bring(root)

    def _root(self) -> Path:
        """The cache that the driver named, where this node has such a folder; else its own."""
        named = self.named.parents[1]
        return named if os.access(named, os.W_OK) else cache_root(None)

    def _bring(self, root: Path) -> Path:
        manifest = self.source.manifest()
        if not _complete(root, self.named.name) and self._rebuilding_pays(manifest):
            with contextlib.suppress(TrainerError):  # such as data that changed: the wire is left
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
        wire = _seconds_on_the_wire(manifest, self.source, self.clock)
        return rebuilding_pays(
            wire, lambda: seconds_to_rebuild(self.config, self.device, self.clock)
        )

    def _rebuild(self, root: Path) -> Path:
        dataset_features = prepare(self.config, cache=root, device=self.device, verify="sizes")
        if dataset_features.folder is None or dataset_features.folder.name != self.named.name:
            raise CacheError("the data or the weights of this node are others than the driver's")
        return dataset_features.folder


def with_bank_here(setup: WorkerSetup, source: BankSource) -> WorkerSetup:
    """The same for a worker of this node, its bank brought here if it was not there.

    Raises:
        CacheError: If it cannot be written here, or came damaged.
    """
    delivery = Delivery(
        named=Path(setup.bank), source=source, config=setup.config, device=setup.device
    )
    return dataclasses.replace(setup, bank=str(delivery.folder()))


def rebuilding_pays(wire: float, rebuild: Callable[[], float | None]) -> bool:
    """Whether to make the bank again rather than to have it sent.

    Args:
        wire: Seconds on the wire.
        rebuild: Tells the seconds that all images take here; None if they cannot be had. Asked
            only where the wire is slow.
    """
    if wire <= SHORT_WIRE_SECONDS:
        return False
    seconds = rebuild()
    return seconds is not None and MARGIN * seconds < wire


def seconds_to_rebuild(config: TrainConfig, device: str, clock: Clock) -> float | None:
    """The seconds that the features of all images take here, at the pace of a few.

    Returns:
        None where the images or the weights are not to be had on this node.
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
        with tempfile.TemporaryDirectory() as folder, EntryWriter(folder=Path(folder)) as bank:
            extraction.write(bank, "train", {})
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


def _seconds_on_the_wire(manifest: str, source: BankSource, clock: Clock) -> float:
    """From the pace of the first pieces of the largest array."""
    sizes = _sizes(manifest)
    largest = max(sizes, key=lambda name: sizes[name])
    began = clock()
    first = itertools.islice(source.pieces(largest, sizes[largest]), MEASURED)
    received = sum(len(piece) for piece in first)
    return (clock() - began) * sum(sizes.values()) / received


def _fetch(folder: Path, manifest: str, source: BankSource) -> None:
    """Fill an empty folder, the manifest last."""
    records = _read(manifest)["arrays"]
    check_space(folder, sum(_sizes(manifest).values()))
    for name, record in records.items():
        _fetch_array(folder, name, record, source)
    with writing(folder), (folder / MANIFEST).open("w", encoding="utf-8") as file:
        file.write(manifest)
        file.flush()
        os.fsync(file.fileno())
    read_entry(folder)  # whether the manifest itself came whole


def _fetch_array(folder: Path, name: str, record: dict[str, Any], source: BankSource) -> None:
    digest = hashlib.blake2b(digest_size=16)
    with writing(folder), (folder / f"{name}.npy").open("wb") as file:
        for piece in source.pieces(name, record["size"]):
            file.write(piece)
            digest.update(piece)
        file.flush()
        os.fsync(file.fileno())
    if digest.hexdigest() != record["checksum"]:
        raise CacheError(
            f"the feature cache did not come whole to this node ({name} differs): resume, and it"
            " is sent again"
        )


def _read(manifest: str) -> dict[str, Any]:
    """What the manifest says, as far as that is needed before it is checked."""
    try:
        content = json.loads(manifest)
        names_safe = all(SAFE_NAME.fullmatch(name) for name in content["arrays"])
    except (ValueError, LookupError, TypeError) as error:
        raise CacheError("the feature cache's manifest did not come whole to this node") from error
    if not names_safe or not content["arrays"]:
        raise CacheError("the feature cache's manifest names files that no bank has")
    return dict(content)


def _sizes(manifest: str) -> dict[str, int]:
    return {name: int(record["size"]) for name, record in _read(manifest)["arrays"].items()}


def _complete(root: Path, key: str) -> bool:
    return (root / ENTRIES / key / MANIFEST).is_file()


@contextlib.contextmanager
def _alone(root: Path, key: str) -> Iterator[None]:
    """One process of this node at a time."""
    path = root / DELIVERIES / f"{key}.lock"
    with writing(root):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
