"""Images that take long to compute from their files, such as HHA: kept apart from features.

They depend on no backbone, so a second one on the same data finds them. An entry of the cache
holds the images of all splits in one modality, as the data set gives them, to the bit.
"""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import numpy as np
import torch

from trainer.config.configuration import DataConfig
from trainer.config.toml_records import record_to_table
from trainer.console.progress import OnProgress
from trainer.datasets import DataSet
from trainer.datasets.base import Image
from trainer.datasets.headers import read_size
from trainer.features.cache import ENTRIES, SPARE, build_once, free_space, hash_json, hold
from trainer.features.cache_entry import EntryWriter, read_entry
from trainer.features.fingerprint import Digest
from trainer.features.parts import images_of
from trainer.features.reading import read_ahead

__all__ = ["kept_bytes", "kept_images"]

VERSION = 1  # of how they are kept
ARRAY = "images"
PIXEL = 3 * np.dtype(np.float32).itemsize  # bytes


def kept_images(
    data_set: DataSet,
    data: DataConfig,
    modality: str,
    digests: Mapping[str, Digest],
    *,
    root: Path,
    progress: OnProgress,
) -> Mapping[str, Image]:
    """The images of a modality by name, computed now or before; empty where they are not kept.

    Args:
        data_set: The data set.
        data: What it was opened by.
        modality: One that its source computes.
        digests: What is known of its files.
        root: Folder of the cache.
        progress: Called with what is done, how much of it, and of how much.

    Raises:
        DataError: If an image is damaged.
        CacheError: If the cache is damaged or cannot be written.
    """
    names = _names(data_set)
    needed = kept_bytes(data_set, modality)
    if needed is None:
        return {}
    key = hash_json({"encoded": VERSION, **images_of(data_set, data, modality, digests)})
    if not (root / ENTRIES / key).is_dir() and free_space(root) < 2 * needed + SPARE:
        progress(f"too little space to keep {modality}, so it is computed while needed", 0, 1)
        return {}

    def build(folder: Path) -> None:
        with EntryWriter(folder=folder) as entry:
            _write(entry, data_set, names, modality, progress)
            entry.seal({"encoded": modality, "made from": {"data": record_to_table(data)}})

    folder, _ = build_once(
        root,
        key,
        build=build,
        waits=lambda: progress(f"wait for another process that computes {modality}", 0, 1),
    )
    use = hold(folder)  # while it is mapped; afterwards its files stay readable
    arrays, _ = read_entry(folder, verify="small")
    del use
    return dict(zip(names, arrays[ARRAY], strict=True))


def kept_bytes(data_set: DataSet, modality: str) -> int | None:
    """Size of the kept images of a modality; None for one whose images differ in size."""
    names = _names(data_set)
    sizes = _sizes(data_set, names, modality)
    if len(sizes) != 1:
        return None
    width, height = next(iter(sizes))
    return len(names) * height * width * PIXEL


def _names(data_set: DataSet) -> list[str]:
    """The images of all splits."""
    return [name for split in data_set.splits().values() for name in split.names]


def _sizes(data_set: DataSet, names: list[str], modality: str) -> set[tuple[int, int]]:
    """Width and height of the images' files."""
    source = data_set.source
    first = next(iter(source.made_from(modality)), modality)  # others are brought to its size
    files = (path for name in names for path in source.image_files(name, first))
    return {read_size(path) for path in files}


def _write(
    entry: EntryWriter, data_set: DataSet, names: list[str], modality: str, progress: OnProgress
) -> None:
    shape = (len(names), *data_set.source.image(names[0], modality).shape)
    rows = entry.begin(ARRAY, shape, np.float32)
    images = read_ahead(
        lambda name: data_set.source.image(name, modality), names, workers=torch.get_num_threads()
    )
    with closing(images) as computed:
        for done, image in enumerate(computed, start=1):
            rows.append(image[None])
            progress(f"compute {modality}", done, len(names))
    entry.finish()
