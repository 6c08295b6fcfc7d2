"""The speed benchmarks run, and their contestants take turns."""

from pathlib import Path

import pytest
import torch

from benchmarks import __main__ as runner
from benchmarks import feature_cost, precision, step, step_parts
from benchmarks.measuring import Timing, interleaved, machine
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


@pytest.mark.parametrize("slow", [False, True])
def test_the_step_is_timed_beside_the_backbone(
    slow: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow_precision(device: str, precision: str) -> str | None:
        return "slow" if slow and precision == "bf16" else None

    monkeypatch.setattr(step, "slow_precision", slow_precision)
    step.main(["--quick", "--batches", "2", "--repeats", "1"])
    rows = capsys.readouterr().out.splitlines()[4:]
    low = [] if slow else ["ours, bf16", "product, bf16"]
    names = ["ours, fp32", "product, fp32", *low, "with the backbone, fp32"]
    assert [row.split(" | ")[1] for row in rows] == names
    assert all(float(row.split(" | ")[4].strip(" |")) > 0 for row in rows if "ours" in row)


def test_the_parts_of_a_step_make_up_its_operations(capsys: pytest.CaptureFixture[str]) -> None:
    rows = step_parts.measure(step.QUICK, 2, device=CPU, repeats=1)
    operations = {row["part"]: row["operations"] for row in rows}
    whole, once = operations[step_parts.STEP], "sampling of codes"
    parts = sum(operations.values()) - whole - operations[once] - operations[step_parts.PRODUCT]
    assert parts == pytest.approx(whole, rel=0.05)
    assert all(
        row["bytes"] > 0 for row in rows if row["part"] not in (step_parts.PRODUCT, "draws")
    )
    step_parts.main(["--quick", "--batches", "2", "--repeats", "1"])
    assert "| MSN and fusion |" in capsys.readouterr().out


def test_features_are_timed_beside_the_bare_backbone(capsys: pytest.CaptureFixture[str]) -> None:
    feature_cost.main(["--quick", "--repeats", "1"])
    rows = capsys.readouterr().out.splitlines()[4:]
    names = [feature_cost.PREPARED, feature_cost.AGAIN, feature_cost.BARE]
    assert [row.split(" | ")[0].strip("| ") for row in rows] == names


def test_an_unknown_benchmark_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        runner.main(["speed"])
    assert "no benchmark 'speed': choose among step, " in capsys.readouterr().err


def test_bf16_is_compared_with_fp32(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    precision.main(["--quick", "--repeats", "1", "--cache", str(tmp_path)])
    shown = capsys.readouterr().out
    assert [line.split(" | ")[0] for line in shown.splitlines() if " | 2 | " in line] == [
        "| cluster probe",
        "| linear probe",
    ]
    assert "Gradient of the first step: cosine 0.999" in shown


def test_scores_of_two_precisions_are_compared_seed_by_seed() -> None:
    scores = [
        {"fp32": {"cluster": low, "linear": low}, "bf16": {"cluster": low + 1, "linear": low - by}}
        for low, by in ((30.0, 1.0), (20.0, -1.0), (40.0, 0.0))
    ]
    record = {
        "seconds": {"fp32": [2.0], "bf16": [0.5]}, "cosine": 1.0, "distance": 0.25,
        "scores": scores, **machine(CPU),
    }  # fmt: skip
    shown = precision.text(record)
    assert "| bf16 | 0.50 / 0.50 / 0.50 | 4.00 |" in shown
    assert "difference 25.00 % of its norm" in shown
    assert (
        "| cluster probe | 3 | 30.0 ± 10.0 | 31.0 ± 10.0 | +1.00 [+1.00, +1.00] | 0.00 |" in shown
    )
    assert "| linear probe | 3 | 30.0 ± 10.0 | 30.0 ± 9.5 | +0.00 [-2.48, +2.48] | 1.00 |" in shown
