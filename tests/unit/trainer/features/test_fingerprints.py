import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from trainer.config.configuration import DataConfig, TrainConfig
from trainer.datasets import open_dataset
from trainer.features.fingerprint import data_fingerprint

FRAME = "leftImg8bit/train/bonn/bonn_000001_000019_leftImg8bit.png"

Street = Callable[..., TrainConfig]


class Counter:
    """Counts the files that were read."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, what: str, done: int, total: int) -> None:
        self.count += 1


def fingerprint(config: DataConfig, cache: Path) -> tuple[str, int]:
    """The fingerprint and how many files were read for it."""
    counter = Counter()
    return data_fingerprint(open_dataset(config), cache, counter), counter.count


@pytest.fixture
def config(street: Path, street_config: Street) -> DataConfig:
    return street_config(street).data


def test_files_are_read_once(config: DataConfig, tmp_path: Path) -> None:
    first = fingerprint(config, tmp_path / "cache")
    again = fingerprint(config, tmp_path / "cache")

    assert first[0] == again[0]
    assert (first[1], again[1]) == (18, 0)


def test_a_changed_byte_counts_even_if_the_size_stays(
    config: DataConfig, street: Path, tmp_path: Path
) -> None:
    before, _ = fingerprint(config, tmp_path / "cache")
    data = bytearray((street / FRAME).read_bytes())
    data[100] ^= 1
    (street / FRAME).write_bytes(data)
    os.utime(street / FRAME, ns=(0, 12345))

    after, read = fingerprint(config, tmp_path / "cache")

    assert after != before and read == 1


def test_a_copy_elsewhere_is_the_same_data(
    config: DataConfig, street: Path, street_config: Street, tmp_path: Path
) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(street, copy, copy_function=shutil.copy)  # with other times

    here, _ = fingerprint(config, tmp_path / "cache")
    there, read = fingerprint(street_config(copy).data, tmp_path / "other cache")

    assert here == there and read == 18


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": 3}', '{"a": [1, 2]}'])
def test_a_damaged_memory_is_forgotten(config: DataConfig, tmp_path: Path, content: str) -> None:
    first, _ = fingerprint(config, tmp_path / "cache")
    (memo,) = (tmp_path / "cache/digests").iterdir()
    memo.write_text(content)

    again, read = fingerprint(config, tmp_path / "cache")

    assert again == first and read == 18


def test_another_split_is_other_data(street: Path, street_config: Street, tmp_path: Path) -> None:
    import dataclasses

    config = street_config(street).data
    seeds = {
        fingerprint(dataclasses.replace(config, seed=seed), tmp_path / "cache")[0]
        for seed in range(8)
    }

    assert 1 < len(seeds) <= 6
