"""Fills the folder of a feature cache: what other entries have is taken, the rest computed.

Letters of shapes: ``docs/architecture.md``.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.config.configuration import DataConfig
from trainer.features.allocator import freed_memory_kept
from trainer.features.cache import check_space
from trainer.features.cache_entry import EntryWriter
from trainer.features.encoded import kept_images
from trainer.features.extraction import Extraction, Standard
from trainer.features.fingerprint import Digest, file_digests
from trainer.features.knn import drop_channels, nearest_crops
from trainer.features.parts import PARTS, STANDARD, Part, find_parts, part_keys
from trainer.seeds import numpy_generator

__all__ = ["build_entry"]

CHUNK = 1024  # crops whose tokens are averaged at a time


def build_entry(
    folder: Path,
    extraction: Extraction,
    data: DataConfig,
    description: Mapping[str, Any],
    *,
    root: Path,
) -> None:
    """Write the arrays of a feature cache, then its manifest.

    Args:
        folder: An empty folder.
        extraction: Computes features.
        data: What the data set was opened by.
        description: What the manifest is to say.
        root: Folder of the cache.

    Raises:
        DataError: If an image is damaged.
        CacheError: If the disk is full.
    """
    digests = file_digests(extraction.data_set, root, extraction.progress)
    keys = part_keys(
        extraction.data_set,
        data,
        extraction.config,
        digests,
        backbone=extraction.backbone.fingerprint,
        standardised=extraction.backbone.scaling is not None,
        maps=extraction.maps,
    )
    with freed_memory_kept(), EntryWriter(folder=folder) as entry:
        taken = find_parts(root, keys)
        check_space(folder, extraction.size(without=taken))
        for name, part in taken.items():
            entry.take(name, part.file, part.record)
        extraction = _with_kept_images(extraction, data, digests, taken, root)
        standards = _standards(entry, extraction, taken)
        for name in extraction.splits():
            extraction.write(entry, name, standards, without=taken)
        for each in extraction.maps:
            if f"train.{each.name}" not in taken:
                extraction.write_map(entry, each, standards)
        entry.write("train.neighbours", _neighbours(folder, extraction))
        entry.seal({**description, PARTS: keys})


def _with_kept_images(
    extraction: Extraction,
    data: DataConfig,
    digests: Mapping[str, Digest],
    taken: Mapping[str, Part],
    root: Path,
) -> Extraction:
    """The same with the images that the cache keeps, of modalities that are to be computed."""
    kept = {
        modality: kept_images(
            extraction.data_set,
            data,
            modality,
            digests,
            root=root,
            progress=extraction.progress,
        )
        for modality in extraction.data_set.modalities
        if extraction.data_set.source.is_computed(modality)
        and not taken.keys() >= _arrays_of(modality, extraction)
    }
    return dataclasses.replace(extraction, kept=kept)


def _arrays_of(modality: str, extraction: Extraction) -> set[str]:
    """Names of the arrays that are computed from the images of a modality."""
    maps = {f"train.{each.name}" for each in extraction.maps if each.modality == modality}
    return maps | {f"{split}.{modality}" for split in extraction.splits()}


def _standards(
    entry: EntryWriter, extraction: Extraction, taken: Mapping[str, Part]
) -> dict[str, Standard]:
    """The statistics of each modality, those that the entry has or new ones, which it gets."""
    names = {f"{STANDARD}{modality}": modality for modality in extraction.data_set.modalities}
    found = {
        modality: Standard(
            rows_4C=torch.from_numpy(np.load(taken[name].file)).to(extraction.device)
        )
        for name, modality in names.items()
        if name in taken
    }
    measured = extraction.standards([each for each in names.values() if each not in found])
    for modality, standard in measured.items():
        entry.write(f"{STANDARD}{modality}", standard.rows_4C.cpu().numpy())
    return found | measured


def _neighbours(folder: Path, extraction: Extraction) -> NDArray[np.int64]:
    means = _token_means(folder / f"train.{extraction.data_set.modalities[0]}.npy")
    if dropout := extraction.config.neighbour_dropout:
        means = drop_channels(means, dropout, numpy_generator("neighbours", "dropout"))
    return nearest_crops(means, extraction.config.neighbours)


def _token_means(path: Path) -> NDArray[np.float32]:
    """Mean features of each crop, shape (N, C), from features with shape (N, H, W, C)."""
    features = np.load(path, mmap_mode="r", allow_pickle=False)
    means = [
        features[start : start + CHUNK].mean(axis=(1, 2), dtype=np.float32)
        for start in range(0, len(features), CHUNK)
    ]
    return np.concatenate(means)
