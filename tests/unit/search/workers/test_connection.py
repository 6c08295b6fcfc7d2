"""The state that is changed while Ray starts, and restored afterwards."""

import os

import pytest
from ray._private.node import Node

from search.machine.resources import Machine
from search.workers.connection import (
    THREADS_VARIABLE,
    UNUSED,
    _environment_of,
    _variables,
    _without_unused,
)


def starters() -> dict[str, object]:
    return {name: getattr(Node, name) for name in UNUSED}


def test_unused_processes_are_not_started_only_inside_the_block() -> None:
    usual = starters()
    with pytest.raises(RuntimeError), _without_unused():
        assert not set(usual.values()) & set(starters().values())
        for name in UNUSED:
            getattr(Node, name)(None)
        raise RuntimeError
    assert starters() == usual


def test_variables_are_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UMSS_KNOWN", "before")
    monkeypatch.delenv("UMSS_NEW", raising=False)
    with pytest.raises(RuntimeError), _variables({"UMSS_KNOWN": "1", "UMSS_NEW": "2"}):
        assert (os.environ["UMSS_KNOWN"], os.environ["UMSS_NEW"]) == ("1", "2")
        raise RuntimeError
    assert os.environ["UMSS_KNOWN"] == "before" and "UMSS_NEW" not in os.environ


@pytest.mark.parametrize(
    ("gpus", "visible"), [((), {}), (("0", "3"), {"CUDA_VISIBLE_DEVICES": "0,3"})]
)
def test_ray_sees_the_reserved_gpus_and_one_thread(
    gpus: tuple[str, ...], visible: dict[str, str]
) -> None:
    device = "cuda" if gpus else "cpu"
    machine = Machine(device=device, workers=2, gpus=gpus)
    assert _environment_of(machine) == {**visible, THREADS_VARIABLE: "1"}


def test_variables_that_keep_ray_from_starting_are_not_passed_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    machine = Machine(device="cpu", workers=1, gpus=())
    assert _environment_of(machine) == {"PYTHONWARNINGS": "", THREADS_VARIABLE: "1"}
