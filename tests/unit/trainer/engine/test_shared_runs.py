"""Runs that share a process equal those alone, bit for bit, whichever runs begin and end."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.unit.trainer.packing import same_tensors
from tests.unit.trainer.small import CPU, small_config, small_dataset_features
from trainer.config.configuration import TrainConfig
from trainer.engine.checkpoint import read_checkpoint
from trainer.engine.run import Run
from trainer.engine.shared_runs import SharedRuns
from trainer.engine.slots import Slots
from trainer.errors import CheckpointError, ConfigError
from trainer.methods import METHODS
from trainer.records import Report

STRUCTURE = small_config()
DATASET_FEATURES = small_dataset_features()

pytestmark = pytest.mark.usefixtures("one_thread")


def config_of_run(number: int, **method: Any) -> TrainConfig:
    """Runs with seeds, hyper-parameters and learning rates of their own."""
    base = small_config(seed=number, **method)
    rate = 1e-3 * (1 + number % 3)
    hyper = {} if method else {"lambda_self": 0.05 * number, "b_knn": 0.02 * number}
    training = dataclasses.replace(base.training, learning_rate=rate, probe_learning_rate=2 * rate)
    return dataclasses.replace(base, hyper=hyper, training=training)


def alone(config: TrainConfig, evaluations: int, folder: Path) -> tuple[list[Report], Path]:
    """Reports and checkpoint of a run alone."""
    run = Run.start(config, DATASET_FEATURES, CPU)
    reports = [run.advance() for _ in range(evaluations)]
    run.save(folder)
    return reports, folder


def same_checkpoint(one: Path, other: Path) -> bool:
    tensors, record = read_checkpoint(one)
    others, other_record = read_checkpoint(other)
    return same_tensors(tensors, others) and record == other_record


def relay(shared: SharedRuns, slots: int, lengths: list[int], **method: Any) -> Iterator[Run]:
    """Train runs of so many evaluations, each in the slot that is free first.

    Slots begin one iteration after the other, so that they are never at the same place.

    Yields:
        Each run as it ends.
    """
    waiting = list(enumerate(lengths))
    busy: dict[int, tuple[Run, int]] = {}
    while waiting or busy:
        free = [slot for slot in range(slots) if slot not in busy]
        if waiting and free:
            number, evaluations = waiting.pop(0)
            busy[free[0]] = shared.start(free[0], config_of_run(number, **method)), evaluations
        assert not shared.step(list(busy))
        for slot, (run, evaluations) in list(busy.items()):
            if run.due:
                run.report()
                if len(run.reports) == evaluations:
                    del busy[slot]
                    yield run


@pytest.mark.parametrize("slots", [1, 3, 8])
def test_runs_that_begin_and_end_at_uneven_times_are_those_alone(
    slots: int, tmp_path: Path
) -> None:
    lengths = [3, 1, 2, 1, 3, 2, 1, 2, 1, 3, 2]
    shared = SharedRuns(STRUCTURE, DATASET_FEATURES, CPU, count=slots)
    ended = set()
    for run in relay(shared, slots, lengths):
        number = run.config.seed
        run.save(tmp_path / "shared" / f"{number}")
        reports, folder = alone(run.config, lengths[number], tmp_path / f"{number}")
        assert list(run.reports) == reports
        assert same_checkpoint(tmp_path / "shared" / f"{number}", folder)
        ended.add(number)
    assert ended == set(range(len(lengths)))


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("fusion", ["sum", "conv", "ladder"])
def test_every_method_shares_a_process(name: str, fusion: str, tmp_path: Path) -> None:
    structure = small_config(name=name, fusion=fusion)
    shared = SharedRuns(structure, DATASET_FEATURES, CPU, count=2)
    for run in relay(shared, 2, [1, 2, 1], name=name, fusion=fusion):
        number = run.config.seed
        run.save(tmp_path / "shared" / f"{number}")
        folder = alone(run.config, len(run.reports), tmp_path / f"{number}")[1]
        assert same_checkpoint(tmp_path / "shared" / f"{number}", folder)


def test_a_checkpoint_is_taken_up_while_neighbours_are_between_evaluations(
    tmp_path: Path,
) -> None:
    alone(config_of_run(5), 1, tmp_path / "first")
    shared = SharedRuns(STRUCTURE, DATASET_FEATURES, CPU, count=3)
    neighbours = [shared.start(slot, config_of_run(slot)) for slot in (0, 2)]
    for _ in range(2):
        shared.step((0, 2))
    resumed = shared.restore(1, tmp_path / "first", config_of_run(5))
    for _ in range(2):
        shared.step((0, 1, 2))
    for run in neighbours:
        assert run.due and run.report() == alone(run.config, 1, tmp_path / "alone")[0][0]
    while not resumed.due:
        shared.step((1,))
    resumed.report()
    resumed.save(tmp_path / "resumed")
    reports, folder = alone(config_of_run(5), 2, tmp_path / "whole")
    assert list(resumed.reports) == reports and same_checkpoint(tmp_path / "resumed", folder)
    again = Run.restore(tmp_path / "resumed", config_of_run(5), DATASET_FEATURES, CPU)
    assert again.advance() == alone(config_of_run(5), 3, tmp_path / "longest")[0][2]


def test_best_weights_are_kept_per_slot() -> None:
    def best(config: TrainConfig) -> TrainConfig:
        evaluation = dataclasses.replace(config.evaluation, report="best")
        return dataclasses.replace(config, evaluation=evaluation)

    shared = SharedRuns(best(STRUCTURE), DATASET_FEATURES, CPU, count=2)
    runs = [shared.start(slot, best(config_of_run(slot))) for slot in (0, 1)]
    while not all(run.finished for run in runs):
        for run in runs:
            if not run.finished and run.due:
                run.report()
        shared.step([run.slot for run in runs if not run.finished])
    for run in runs:
        single = Run.start(run.config, DATASET_FEATURES, CPU)
        while not single.finished:
            single.advance()
        assert run.load_selected() == single.load_selected()
        split = DATASET_FEATURES.val
        assert run.evaluate(split) == single.evaluate(split)


def test_a_damaged_checkpoint_leaves_the_slot_and_its_neighbours_as_they_were(
    tmp_path: Path,
) -> None:
    shared = SharedRuns(STRUCTURE, DATASET_FEATURES, CPU, count=2)
    runs = [shared.start(slot, config_of_run(slot)) for slot in (0, 1)]
    shared.step((0, 1))
    with pytest.raises(CheckpointError):
        shared.restore(1, tmp_path / "nothing", config_of_run(5))
    for _ in range(3):
        shared.step((0, 1))
    for run in runs:
        assert run.report() == alone(run.config, 1, tmp_path / "alone")[0][0]


def test_another_structure_is_refused_by_name_and_number() -> None:
    shared = SharedRuns(STRUCTURE, DATASET_FEATURES, CPU, count=2)
    with pytest.raises(ConfigError, match=r"training.batch_size is 4 there and 2 here: only seed"):
        shared.start(0, small_config(training={"batch_size": 2}))


def test_moved_files_are_the_same_structure() -> None:
    data = dataclasses.replace(STRUCTURE.data, root="/elsewhere")
    shared = SharedRuns(STRUCTURE, DATASET_FEATURES, CPU, count=1)
    shared.start(0, dataclasses.replace(STRUCTURE, data=data))
    assert not shared.step((0,))


class Fault:
    """Makes steps fail in which a given run takes part, or in which too many do."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._step = Slots._trained
        #: Value of ``lambda_self`` of the run at fault; runs that fit into the memory together.
        self.guilty: float | None = None
        self.most: int | None = None
        monkeypatch.setattr(Slots, "_trained", lambda *arguments: self._trained(*arguments))

    def _trained(self, slots: Slots, rows: Any, drawn: Any) -> Any:
        new = self._step(slots, rows, drawn)  # all changes of a step are done by now
        values = rows.hyper["rgb.lambda_self"]
        if self.guilty is not None and bool((values == np.float32(self.guilty)).any()):
            raise ValueError("one run breaks the step")
        if self.most is not None and len(values) > self.most:
            raise torch.OutOfMemoryError("out of memory")
        return new


def test_a_run_that_breaks_the_step_is_found_and_its_neighbours_continue_exactly(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    expected = [alone(config_of_run(slot), 1, tmp_path / "alone")[0][0] for slot in (0, 1, 2)]
    shared = SharedRuns(STRUCTURE, DATASET_FEATURES, CPU, count=3)
    runs = [shared.start(slot, config_of_run(slot)) for slot in (0, 1, 2)]
    fault = Fault(monkeypatch)
    assert not shared.step((0, 1, 2))
    fault.guilty = 0.05  # that of slot 1
    found = shared.step((0, 1, 2))
    assert list(found) == [1] and str(found[1]) == "one run breaks the step"
    assert [run.iteration for run in runs] == [2, 1, 2]
    fault.guilty = None
    runs[1] = shared.start(1, config_of_run(1))  # another attempt, from its seed
    for _ in range(2):
        assert not shared.step((0, 1, 2))
    for _ in range(2):
        assert not shared.step((1,))
    assert [run.report() for run in runs] == expected


def test_an_error_of_the_device_counts_against_no_run_and_ends_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared = SharedRuns(STRUCTURE, DATASET_FEATURES, CPU, count=2)
    for slot in (0, 1):
        shared.start(slot, config_of_run(slot))

    def broken(*arguments: Any) -> None:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(Slots, "_trained", broken)
    with pytest.raises(torch.AcceleratorError, match="illegal memory access"):
        shared.step((0, 1))


def test_too_little_memory_for_all_runs_counts_against_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shared = SharedRuns(STRUCTURE, DATASET_FEATURES, CPU, count=2)
    runs = [shared.start(slot, config_of_run(slot)) for slot in (0, 1)]
    fault = Fault(monkeypatch)
    fault.most = 1
    found = shared.step((0, 1))
    assert {slot: type(error) for slot, error in found.items()} == {
        slot: torch.OutOfMemoryError for slot in (0, 1)
    }
    assert [run.iteration for run in runs] == [0, 0]
    for _ in range(4):  # the state and the draws are as before
        assert not shared.step((0,))
    assert runs[0].report() == alone(runs[0].config, 1, tmp_path / "alone")[0][0]
