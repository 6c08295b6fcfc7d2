"""``--slots`` of a launch: they are measured, and slots that will be idle are named."""

from pathlib import Path
from typing import Any

import pytest

from search.config.configuration import resolve_layers
from search.launch import launching
from search.launch.notices import show_idle_seats
from search.launch.request import Launch
from search.machine.resources import Machine
from search.machine.run_options import Paths, RunOptions
from search.planning.slot_choice import SlotCost
from storage.studies import StudyRecord
from tests.unit.trainer.small import small_dataset_features
from trainer.config.sources import read_layers


def request_of(machine: Machine, *, measure_slots: bool) -> Launch:
    layers = read_layers("rooms", None, {})
    paths = Paths(cache=Path("cache"), checkpoints=Path("checkpoints"))
    options = RunOptions(machine=machine, measure_slots=measure_slots, paths=paths, patience=0.0)
    return Launch(study=None, layers=layers, config=resolve_layers(layers), options=options)


@pytest.mark.parametrize("measure_slots", [True, False])
def test_slots_are_measured_only_if_that_was_requested(
    monkeypatch: pytest.MonkeyPatch, measure_slots: bool
) -> None:
    def best_slots(config: Any, dataset_features: Any, machine: Machine) -> SlotCost:
        return SlotCost(slots=8, memory=2**30, seconds=0.0123)

    monkeypatch.setattr(launching, "best_slots", best_slots)
    said: list[str] = []
    machine = Machine(device="cuda", workers=2, slots=1, gpus=("0", "1"), own_device="cuda:0")
    request = request_of(machine, measure_slots=measure_slots)
    found = launching._with_slots(request, small_dataset_features(), said.append)
    assert found.seats == (16 if measure_slots else 2)
    line = "slots per worker, as measured: 8 slots: 1.0 GiB, 12.3 ms a step"
    assert said == ([line] if measure_slots else [])


def record(lag: int) -> StudyRecord:
    fields: dict[str, Any] = dict.fromkeys(StudyRecord.__dataclass_fields__)
    return StudyRecord(**{**fields, "name": "first", "lag": lag})


@pytest.mark.parametrize(
    ("workers", "slots", "said"),
    [
        (4, 1, []),
        (8, 1, ["4 of 8 workers will be idle", "--workers 4 is enough"]),
        (1, 4, []),
        (2, 4, ["4 of 8 slots will be idle", "fewer --workers or --slots are enough"]),
    ],
)
def test_seats_beyond_the_trials_in_flight_are_idle(
    workers: int, slots: int, said: list[str]
) -> None:
    lines: list[str] = []
    machine = Machine(device="cpu", workers=workers, slots=slots)
    show_idle_seats(record(lag=3), machine, lines.append)
    assert len(lines) == bool(said) and all(text in lines[0] for text in said)
