"""The speed benchmarks run, and their contestants take turns."""

import pytest
import torch

from benchmarks import __main__ as runner
from benchmarks import step
from benchmarks.measuring import Timing, interleaved
from benchmarks.random_features import FeatureSize, random_features

CPU = torch.device("cpu")


def test_contestants_take_turns_after_a_warm_up() -> None:
    ran: list[str] = []
    times = interleaved(
        {"a": lambda: ran.append("a"), "b": lambda: ran.append("b")}, repeats=2, device=CPU
    )
    assert ran == ["a", "b"] * 3
    assert [len(each.seconds) for each in times.values()] == [2, 2]


def test_a_timing_shows_its_extremes_and_its_median() -> None:
    assert Timing(seconds=(3.0, 1.0, 2.0)).text() == "1.00 / 2.00 / 3.00"


def test_random_features_have_the_requested_size() -> None:
    size = FeatureSize(crops=40, val=2, test=3, grid=2, channels=5, labels=8, classes=4)
    features = random_features(size)
    assert features.train.features["depth"].shape == (40, 2, 2, 5)
    assert features.train.neighbours[39].tolist() == list(range(30))
    assert (len(features.val), len(features.test)) == (2, 3)


def test_the_step_is_timed_beside_the_backbone(capsys: pytest.CaptureFixture[str]) -> None:
    step.main(["--quick", "--batches", "2", "--repeats", "1"])
    rows = capsys.readouterr().out.splitlines()[4:]
    assert [row.split(" | ")[1] for row in rows] == [
        "ours, fp32",
        "product, fp32",
        "ours, bf16",
        "product, bf16",
        "with the backbone, fp32",
    ]
    assert all(float(row.split(" | ")[4].strip(" |")) > 0 for row in (rows[0], rows[2]))


def test_an_unknown_benchmark_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        runner.main(["speed"])
    assert "no benchmark 'speed': choose among step, " in capsys.readouterr().err
