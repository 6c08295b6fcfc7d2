"""Logs can be read back, and a missing package is reported in one line."""

import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import pytest

from tests.unit.trainer.small import CPU, small_config, small_dataset_features
from trainer.engine.run import Run
from trainer.errors import LogError
from trainer.logs import LOGS, open_log
from trainer.logs.base import scalars
from trainer.records import Report

DATASET_FEATURES = small_dataset_features()


def reports(count: int = 3) -> list[Report]:
    run = Run.start(small_config(), DATASET_FEATURES, CPU)
    return [run.advance() for _ in range(count)]


def read_events(folder: Path) -> Any:
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="the extra tensorboard is not installed",
    )
    events = accumulator.EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return events


def test_tensorboard_events_are_read_back(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    made = reports()
    log = open_log("tensorboard", tmp_path, small_config(), iteration=0)
    for report in made:
        log.write(report)
    log.close()
    events = read_events(tmp_path)
    assert set(events.Tags()["scalars"]) == set(scalars(made[0]))
    for name in ("loss", "cluster/miou", "linear/accuracy", "signals/cluster_entropy"):
        read = [(event.step, event.value) for event in events.Scalars(name)]
        wanted = [(report.iteration, scalars(report)[name]) for report in made]
        assert read == [(step, pytest.approx(value)) for step, value in wanted]
    (protocol,) = events.Tensors("protocol/text_summary")
    assert protocol.tensor_proto.string_val == [b"held-out"]
    (text,) = events.Tensors("configuration/text_summary")
    assert b"    code_dim = 4" in text.tensor_proto.string_val[0]


def test_a_resumed_run_replaces_later_log_entries(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    made = reports()
    log = open_log("tensorboard", tmp_path, small_config(), iteration=0)
    for report in made[:2]:
        log.write(report)
    log.close()  # killed after it was logged and before the checkpoint of iteration 8
    log = open_log("tensorboard", tmp_path, small_config(), iteration=made[0].iteration)
    for report in made[1:]:
        log.write(report)
    log.close()
    assert [event.step for event in read_events(tmp_path).Scalars("loss")] == [4, 8, 12]


def test_undefined_numbers_and_positions_are_not_logged() -> None:
    (report,) = reports(1)
    named = scalars(report)
    assert named["loss"] == report.loss and named["signals/finite"] == 1
    assert not {"evaluation", "iteration"} & named.keys()
    undefined = dataclasses.replace(report.linear, miou=float("nan"))
    without = scalars(dataclasses.replace(report, linear=undefined))
    assert named.keys() - without.keys() == {"linear/miou"}


def test_no_log_writes_nothing(tmp_path: Path) -> None:
    log = open_log("none", tmp_path, small_config(), iteration=0)
    for report in reports(1):
        log.write(report)
    log.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "module"), [("tensorboard", "torch.utils.tensorboard"), ("wandb", "wandb")]
)
def test_a_missing_package_is_reported_with_the_command_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(LogError) as caught:
        open_log(name, tmp_path, small_config(), iteration=0)
    command = f"pip install --constraint constraints.txt --editable '.[{name}]'"
    assert command in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_log_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=f"choose one of {', '.join(LOGS)}"):
        open_log("paper", tmp_path, small_config(), iteration=0)


def test_a_folder_that_cannot_be_written_is_reported_in_one_line(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    (tmp_path / "tensorboard").write_text("in the way")
    with pytest.raises(LogError, match="cannot write TensorBoard's events") as caught:
        open_log("tensorboard", tmp_path, small_config(), iteration=0)
    assert "\n" not in str(caught.value)


class StandIn:
    """The calls to Weights & Biases: the module and its run in one object."""

    Error = type("Error", (Exception,), {})

    def __init__(self, refusal: str | None = None) -> None:
        self.refusal, self.finished = refusal, False
        self.asked: dict[str, Any] = {}
        self.logged: list[tuple[int, Mapping[str, float]]] = []

    def Settings(self, **settings: Any) -> dict[str, Any]:
        return settings

    def init(self, **asked: Any) -> Self:
        if self.refusal is not None:
            raise self.Error(self.refusal)
        self.asked = asked
        return self

    def log(self, numbers: Mapping[str, float], step: int) -> None:
        self.logged.append((step, numbers))

    def finish(self) -> None:
        self.finished = True


def test_weights_and_biases_receives_each_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wandb, made = StandIn(), reports(2)
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    log = open_log("wandb", tmp_path / "run", small_config(), iteration=0)
    for report in made:
        log.write(report)
    log.close()
    assert wandb.logged == [(report.iteration, scalars(report)) for report in made]
    assert wandb.finished and wandb.asked["dir"] == str(tmp_path / "run")
    assert wandb.asked["config"]["method"]["code_dim"] == 4
    assert wandb.asked["config"]["protocol"] == "held-out"
    first = wandb.asked
    open_log("wandb", tmp_path / "run", small_config(), iteration=4)
    assert (first["resume"], wandb.asked["resume"]) == (None, "allow")
    assert first["id"] == wandb.asked["id"]


def test_a_refusal_by_weights_and_biases_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", StandIn("no API key\nconfigured"))
    with pytest.raises(LogError, match="no API key configured; log in with `wandb login`, or set"):
        open_log("wandb", tmp_path, small_config(), iteration=0)
