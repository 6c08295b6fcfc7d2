"""``--slots auto`` doubles the slots as long as memory holds them and trials get faster."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from search.errors import ClusterError
from search.machine.resources import Machine
from search.planning import slot_choice
from search.planning.slot_choice import MOST_SLOTS, SlotCost, best_slots, choose_slots
from tests.unit.trainer.small import CPU, small_config, small_dataset_features
from trainer.engine.slots import Slots
from trainer.errors import ConfigError

MIB, GIB = 2**20, 2**30


def costs(
    *, base: int, each: int, seconds: Callable[[int], float]
) -> tuple[Callable[[int], SlotCost], list[int]]:
    asked: list[int] = []

    def measured(count: int) -> SlotCost:
        asked.append(count)
        return SlotCost(slots=count, memory=base + count * each, seconds=seconds(count))

    return measured, asked


def chosen(room: int, measured: Callable[[int], SlotCost | None]) -> int:
    found = choose_slots(measured, room=room)
    assert found is not None
    return found.slots


def test_slots_that_cost_no_time_are_taken_up_to_the_most() -> None:
    measured, _ = costs(base=GIB, each=GIB // 8, seconds=lambda count: 1.0)
    assert chosen(100 * GIB, measured) == MOST_SLOTS


def test_memory_ends_it_before_it_is_exceeded() -> None:
    measured, asked = costs(base=GIB, each=GIB, seconds=lambda count: 1.0)
    assert chosen(10 * GIB, measured) == 8
    assert max(asked) == 8


def test_slots_that_train_no_faster_are_not_taken() -> None:
    measured, asked = costs(base=0, each=1, seconds=lambda count: max(1.0, count / 4))
    assert chosen(GIB, measured) == 4 and max(asked) == 8


def test_a_number_that_does_not_fit_after_all_is_not_taken() -> None:
    measured, _ = costs(base=0, each=1, seconds=lambda count: 1.0)
    assert chosen(GIB, lambda count: measured(count) if count < 4 else None) == 2
    assert choose_slots(lambda count: None, room=GIB) is None


class StandIn:
    """The memory of a device: a slot takes a number of bytes while it is measured."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, free: int, each: int) -> None:
        self._free, self._each, self._now = free, each, 0
        start = Slots.start

        def counted(configs: Any, *others: Any) -> Slots:
            self._now = len(configs) * each
            if self._now > free:
                raise torch.OutOfMemoryError("out of memory")
            return start(configs, *others)

        monkeypatch.setattr(Slots, "start", counted)

    def free(self) -> int:
        return self._free

    def peak(self, action: Callable[[], None]) -> int:
        action()
        return self._now


def test_a_search_measures_its_own_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    # time is not looked at: twice the slots are taken for twice as fast
    monkeypatch.setattr(slot_choice, "LEAST_GAIN", -math.inf)
    memory = StandIn(monkeypatch, free=1000 * MIB, each=100 * MIB)
    machine = Machine(device="cpu", workers=1)
    config, dataset_features = small_config(), small_dataset_features()
    cost = best_slots(config, dataset_features, machine, lambda device: memory)
    assert cost.slots == 8 and cost.memory == 800 * MIB and cost.seconds > 0
    assert str(cost).startswith("8 slots: 800.0 MiB, ")
    two = Machine(device="cuda", workers=2, gpus=("0",))
    assert (
        best_slots(small_config(), small_dataset_features(), two, lambda device: memory).slots == 4
    )


def test_memory_for_no_slot_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = StandIn(monkeypatch, free=10, each=100)
    with pytest.raises(ClusterError, match="fewer --workers, or a smaller batch"):
        best_slots(
            small_config(),
            small_dataset_features(),
            Machine(device="cpu", workers=1),
            lambda device: memory,
        )


def test_other_errors_are_passed_on_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = StandIn(monkeypatch, free=1000, each=1)
    config = small_config(modalities=("rgb",))
    with pytest.raises(ConfigError, match="modalities"):
        best_slots(
            config,
            small_dataset_features(),
            Machine(device="cpu", workers=1),
            lambda device: memory,
        )


def test_the_cpu_has_no_memory_to_measure() -> None:
    assert slot_choice.device_memory(CPU) is None
