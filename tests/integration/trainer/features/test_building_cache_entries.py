"""Processes that build the same cache entry, and the files that a killed one leaves."""

import contextlib
import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fakes.fork_server import fork_server
from trainer.config.configuration import DataConfig, FeatureConfig, TrainConfig
from trainer.errors import CacheError
from trainer.features import open_dataset_features, prepare

CONFIG = TrainConfig(
    data=DataConfig(options={"train": 40, "val": 2, "test": 2, "size": 64}),
    features=FeatureConfig(train_resolution=32, eval_resolution=64),
)


def build(cache: Path, limit: int, stage: str, lines: Connection) -> None:
    """Prepare the cache entry of CONFIG, and send each step and finally the folder.

    Args:
        cache: The feature cache.
        limit: Largest size of a file; 0 if any.
        stage: A step at which to pause.
        lines: Where to send.
    """
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    def send_step(what: str, done: int, total: int) -> None:
        lines.send(what)
        if what == stage:
            time.sleep(600)

    try:
        lines.send(str(prepare(CONFIG, cache=cache, progress=send_step).folder))
    except CacheError as error:
        lines.send(f"refused: {error}")


def total_of(folder: Path, lines: Connection) -> None:
    """Send the sum of the train features of an entry; the entry of a process."""
    features = open_dataset_features(folder).train.features["rgb"]
    lines.send(str(float(np.asarray(features, dtype="f8").sum())))


@dataclass(frozen=True)
class StartedProcess:
    """A process and the lines that it sends."""

    process: ForkServerProcess
    lines: Connection


def start_process(target: Callable[..., None], *arguments: Any) -> StartedProcess:
    receiving, sending = multiprocessing.Pipe(duplex=False)
    process = fork_server().Process(target=target, args=(*arguments, sending), daemon=True)
    process.start()
    sending.close()
    return StartedProcess(process, receiving)


def start(cache: Path, limit: int = 0, stage: str = "") -> StartedProcess:
    return start_process(build, cache, limit, stage)


def read_until(started: StartedProcess, wanted: str) -> None:
    while started.lines.recv() != wanted:
        pass


def kill(started: StartedProcess) -> None:
    started.process.kill()
    started.process.join()


def lines_of(started: StartedProcess) -> list[str]:
    lines: list[str] = []
    with contextlib.suppress(EOFError):
        while True:
            lines.append(started.lines.recv())
    started.process.join(timeout=120)
    assert started.process.exitcode == 0
    return lines


def test_two_processes_do_the_work_once(tmp_path: Path) -> None:
    processes = [start(tmp_path), start(tmp_path)]

    printed = [lines_of(process) for process in processes]

    assert printed[0][-1] == printed[1][-1]
    builders = [lines for lines in printed if "features of train" in lines]
    assert len(builders) == 1
    open_dataset_features(Path(printed[0][-1]), verify="all")


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

    printed = lines_of(second)

    assert "features of train" in printed
    open_dataset_features(Path(printed[-1]), verify="all")


def test_a_file_limit_met_while_writing_leaves_no_entry(tmp_path: Path) -> None:
    printed = lines_of(start(tmp_path, limit=200_000))

    assert printed[-1].startswith("refused: cannot write the feature cache to")
    assert "UMSS_CACHE" in printed[-1]
    assert [path.suffix for path in (tmp_path / "banks").iterdir()] == [".lock"]


def test_many_processes_read_one_mapped_entry(tmp_path: Path) -> None:
    dataset_features = prepare(CONFIG, cache=tmp_path)
    readers = [start_process(total_of, dataset_features.folder) for _ in range(2)]

    sums = [float(lines_of(reader)[0]) for reader in readers]

    assert (
        sums[0]
        == sums[1]
        == float(np.asarray(dataset_features.train.features["rgb"], dtype="f8").sum())
    )
