"""Processes that build the same cache entry, and what a killed one leaves behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from trainer.config.configuration import DataConfig, FeatureConfig, TrainConfig
from trainer.features import open_dataset_features, prepare

CONFIG = TrainConfig(
    data=DataConfig(options={"train": 40, "val": 2, "test": 2, "size": 64}),
    features=FeatureConfig(train_resolution=32, eval_resolution=64),
)

#: Prepares CONFIG's cache entry; prints each step on a line, and finally the folder. Pauses at the
#: stage given as its last argument.
PROGRAM = """
import resource, sys, time
from pathlib import Path
from trainer.config.configuration import DataConfig, FeatureConfig, TrainConfig
from trainer.errors import CacheError
from trainer.features import prepare
cache, limit, stage = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
config = TrainConfig(
    data=DataConfig(options={"train": 40, "val": 2, "test": 2, "size": 64}),
    features=FeatureConfig(train_resolution=32, eval_resolution=64),
)
def tell(what, done, total):
    print(what, flush=True)
    if what == stage:
        time.sleep(600)
try:
    material = prepare(config, cache=cache, progress=tell)
    print(material.folder)
except CacheError as error:
    print("refused:", error)
"""


def start(cache: Path, limit: int = 0, stage: str = "") -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(cache), str(limit), stage],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def read_until(process: "subprocess.Popen[str]", wanted: str) -> None:
    assert process.stdout is not None
    while (line := process.stdout.readline().strip()) != wanted:
        assert line, f"the process ended without telling {wanted!r}"


def kill(process: "subprocess.Popen[str]") -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def lines_of(process: "subprocess.Popen[str]") -> list[str]:
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return output.splitlines()


def test_two_processes_do_the_work_once(tmp_path: Path) -> None:
    processes = [start(tmp_path), start(tmp_path)]

    told = [lines_of(process) for process in processes]

    assert told[0][-1] == told[1][-1]
    builders = [lines for lines in told if "features of train" in lines]
    assert len(builders) == 1
    open_dataset_features(Path(told[0][-1]), verify="all")


@pytest.mark.parametrize("stage", ["statistics of rgb", "features of train", "features of test"])
def test_killed_while_building_it_is_absent_and_built_again(tmp_path: Path, stage: str) -> None:
    process = start(tmp_path / "cache", stage=stage)
    read_until(process, stage)
    kill(process)
    left = sorted(path.suffix for path in (tmp_path / "cache/banks").iterdir())
    assert left == [".lock", ".partial"]

    again = prepare(CONFIG, cache=tmp_path / "cache")
    undisturbed = prepare(CONFIG, cache=tmp_path / "other")

    assert again.folder is not None and undisturbed.folder is not None
    left = sorted(path.suffix for path in (tmp_path / "cache/banks").iterdir())
    assert left == ["", ".lock"]
    for path in undisturbed.folder.iterdir():
        assert path.read_bytes() == (again.folder / path.name).read_bytes(), path.name


def test_a_waiting_process_takes_over_from_a_killed_one(tmp_path: Path) -> None:
    first = start(tmp_path, stage="statistics of rgb")
    read_until(first, "statistics of rgb")
    second = start(tmp_path)
    read_until(second, "wait for another process that builds the features")
    kill(first)

    told = lines_of(second)

    assert "features of train" in told
    open_dataset_features(Path(told[-1]), verify="all")


def test_a_file_limit_met_while_writing_leaves_no_entry(tmp_path: Path) -> None:
    told = lines_of(start(tmp_path, limit=200_000))

    assert told[-1].startswith("refused: cannot write the feature cache to")
    assert "UMSS_CACHE" in told[-1]
    assert [path.suffix for path in (tmp_path / "banks").iterdir()] == [".lock"]


def test_many_processes_read_one_mapped_entry(tmp_path: Path) -> None:
    dataset_features = prepare(CONFIG, cache=tmp_path)
    program = (
        "import sys; from pathlib import Path; from trainer.features import open_dataset_features;"
        "made = open_dataset_features(Path(sys.argv[1]));"
        "print(float(made.train.features['rgb'].astype('f8').sum()))"
    )
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(dataset_features.folder)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]

    sums = [float(lines_of(reader)[0]) for reader in readers]

    assert (
        sums[0]
        == sums[1]
        == float(np.asarray(dataset_features.train.features["rgb"], dtype="f8").sum())
    )
