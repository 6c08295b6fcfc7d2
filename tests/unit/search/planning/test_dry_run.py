"""A dry run shows what a launch would do and writes nothing."""

import dataclasses
import io
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import tomli_w
import torch
from rich.console import Console

from search.config.configuration import resolve_layers
from search.launch.notices import show_notes
from search.machine.resources import Machine
from search.machine.run_options import Paths, RunOptions
from search.planning import costs as costs_module
from search.planning import dry_run as verb
from search.planning.checking import check_dataset
from search.planning.costs import measure
from search.planning.dry_run import DryRun, dry_run
from search.reporting.dry_run import plan
from storage.address import parse_address
from tests.fakes.data_sets import folder
from tests.unit.trainer.small import small_dataset_features
from trainer.config.sources import read_layers
from trainer.console.sizes import bytes_text
from trainer.errors import ConfigError
from trainer.features import TestSplit, ValSplit, prepare
from trainer.features.dataset_summary import dataset_summary

TINY = {
    "data": {"options": {"train": 4, "val": 2, "test": 3, "size": 64}},
    "features": {"train_resolution": 32, "eval_resolution": 64},
    "training": {"iterations": 12, "batch_size": 4, "samples": 3, "random_draws": 2},
    "evaluation": {"evaluations": 4},
    "hyper": {"b_knn": 0.25},
    "search": {"trials": 10, "ranges": {"b_self": [0.1, 0.5], "learning_rate": [1e-4, 1e-2]}},
}


def options_below(folder: Path, *, workers: int = 1, slots: int = 1) -> RunOptions:
    paths = Paths(cache=folder / "cache", checkpoints=folder / "checkpoints")
    machine = Machine(device="cpu", workers=workers, slots=slots)
    return RunOptions(machine=machine, paths=paths, patience=0.0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> DryRun:
    folder = tmp_path_factory.mktemp("dry")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UMSS_BOOKINGS", str(folder / "bookings"))
        found = dry_run(
            read_layers("rooms", None, TINY),
            study=None,
            options=options_below(folder, workers=2),
            address=parse_address(f"embedded:{folder / 'pg'}"),
        )
    assert list(folder.iterdir()) == [], "a dry run writes nothing"
    return found


def test_the_data_and_the_cache_entry_are_those_of_a_launch(run: DryRun, tmp_path: Path) -> None:
    assert run.dataset_summary.images == {"train": 4, "val": 2, "test": 3}
    features = prepare(run.config.train, cache=tmp_path)
    assert (
        run.dataset_summary.crops == len(features.train)
        and run.dataset_summary.channels == features.channels
    )
    assert features.folder is not None
    written = sum(path.stat().st_size for path in features.folder.iterdir())
    assert abs(written - run.dataset_summary.cache_bytes) < 16 * 2**10


def test_notes_about_the_data_are_shown(run: DryRun) -> None:
    assert run.notes == () and run.to_json()["notes"] == []

    noted = dataclasses.replace(run, notes=("6 files are in colour not used",))

    stream = io.StringIO()
    Console(file=stream, width=160).print(plan(noted))
    assert "6 files are in colour not used" in stream.getvalue()


def test_unused_files_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By a dry run and, before anything is reserved, by the launch itself."""
    monkeypatch.setenv("UMSS_BOOKINGS", str(tmp_path / "bookings"))
    data = folder.lists(tmp_path / "data")
    (tmp_path / "data/colour/IMG_1.HEIC").touch()
    tables = {name: TINY[name] for name in ("features", "training", "evaluation")}
    file = tmp_path / "mine.toml"
    chosen = {"name": "folder", "root": data.root, "modalities": list(data.modalities)}
    file.write_text(tomli_w.dumps({**tables, "data": chosen}), encoding="utf-8")
    layers = read_layers(None, file)

    (note,) = dry_run(
        layers,
        study=None,
        options=options_below(tmp_path),
        address=parse_address(f"embedded:{tmp_path / 'pg'}"),
    ).notes
    assert "IMG_1.HEIC" in note and "not used" in note

    show_notes(check_dataset(resolve_layers(layers)), print)
    assert capsys.readouterr().out == f"note: {note}\n"


def test_costs_are_measured(run: DryRun) -> None:
    costs = run.costs
    assert costs.steps >= 3 and costs.iteration_seconds > 0 and costs.evaluation_seconds > 0
    assert costs.checkpoint_bytes > 10_000 and costs.worker_bytes > 50 * 2**20
    assert costs.gpu_bytes is None


def test_what_an_evaluation_does_once_does_not_grow_with_the_images(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [0.0]

    def timed(action: Callable[[], object], device: torch.device) -> float:
        began = clock[0]
        action()
        return clock[0] - began

    monkeypatch.setattr(costs_module, "_timed", timed)
    features = small_dataset_features()

    class Trained:
        prepared = False

        def evaluate(self, slot: int, split: ValSplit | TestSplit) -> None:
            clock[0] += 0.25 * len(split)
            if isinstance(split, ValSplit):
                clock[0] += 2.0 if self.prepared else 100.0
                self.prepared = True

    summary = SimpleNamespace(images={"val": 400})
    found = costs_module._evaluation_seconds(
        Trained(),  # type: ignore[arg-type]
        features,
        summary,  # type: ignore[arg-type]
        torch.device("cpu"),
    )
    judged = 2.0 + 0.25 * (len(features.val) - len(features.test))
    assert found == pytest.approx(judged + 0.25 * 400)


def test_time_is_that_of_all_trials_shared_by_the_workers(
    run: DryRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verb, "usable_cores", lambda: (0, 1))
    costs = dataclasses.replace(run.costs, iteration_seconds=2.0, evaluation_seconds=3.0)
    run = dataclasses.replace(run, costs=costs)
    assert run.trial_seconds == 12 * 2 + 4 * 3
    assert run.seconds == 10 * 36 / 2
    crowded = dataclasses.replace(run, options=options_below(Path(), workers=8))
    assert crowded.seconds == run.seconds, "eight workers on two cores are no faster than two"


def test_slots_share_a_worker_and_wait_for_each_others_evaluations(
    run: DryRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verb, "usable_cores", lambda: (0, 1))
    costs = dataclasses.replace(run.costs, slots=3, iteration_seconds=2.0, evaluation_seconds=3.0)
    options = options_below(Path(), workers=2, slots=3)
    slotted = dataclasses.replace(run, costs=costs, options=options)
    assert slotted.trial_seconds == 12 * 2 + 3 * 4 * 3
    assert slotted.at_once == 6 and slotted.seconds == 10 * 60 / 6
    assert slotted.checkpoint_bytes == 7 * costs.checkpoint_bytes
    stream = io.StringIO()
    Console(file=stream, width=160).print(plan(slotted))
    assert "2 on CPU cores, each with 3 slots" in stream.getvalue()
    assert "iterations in 3 slots of 2000 ms" in stream.getvalue()
    assert slotted.to_json()["slots"] == 3


def test_slots_are_measured_as_they_would_train() -> None:
    config = resolve_layers(read_layers("rooms", None, TINY)).train
    costs = measure(config, dataset_summary(config), torch.device("cpu"), slots=3)
    assert costs.slots == 3 and costs.iteration_seconds > 0


def test_it_is_printed_as_text_and_as_json(run: DryRun) -> None:
    stream = io.StringIO()
    Console(file=stream, width=160).print(plan(run))
    text = stream.getvalue()
    for line in (
        "study rooms-N (N: the next free number): dry run, nothing is written",
        "10, each with 12 iterations and 4 evaluations on val",
        "miou-accuracy: 0.75 mIoU + 0.25 accuracy (%), median of the last 5 scores on val",
        "rooms, generated, no files: 4 train, 2 val, 3 test images, 20 crops",
        "search space paper: 7 hyper-parameters",
        "default 0.8975 is out of range",
        "(not opened by a dry run)",
    ):
        assert line in text
    rows = [line.split() for line in text.splitlines()]
    assert ["b_knn", "fixed", "0.2500"] in rows
    assert any(row[:5] == ["learning_rate", "0.0001", "0.01", "log", "0.003"] for row in rows)
    printed = json.loads(json.dumps(run.to_json()))
    assert printed["trials"] == 10 and printed["evaluations"] == 4
    assert {each["name"] for each in printed["space"]} == set(run.space.defaults)
    assert printed["fixed"] == {"b_knn": 0.25}


def test_a_dry_run_refuses_what_a_launch_refuses(tmp_path: Path) -> None:
    layers = read_layers("rooms", None, TINY | {"data": {"modalities": ["rgb", "thermal"]}})
    with pytest.raises(ConfigError, match="thermal"):
        dry_run(layers, study=None, options=options_below(tmp_path), address=parse_address(None))


def test_sizes() -> None:
    sizes = {
        0: "0 KiB",
        1536: "2 KiB",
        3 * 2**20: "3.0 MiB",
        5 * 2**30: "5.0 GiB",
        2**41: "2.0 TiB",
    }
    assert {size: bytes_text(size) for size in sizes} == sizes
