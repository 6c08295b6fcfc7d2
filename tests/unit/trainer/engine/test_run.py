"""A run counts its iterations, resumes bit for bit and reports damage in one line."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.unit.trainer.packing import same_tensors
from tests.unit.trainer.small import CPU, small_config, small_dataset_features
from trainer.config.configuration import TrainConfig
from trainer.engine import checkpoint
from trainer.engine.checkpoint import RECORD_NAME
from trainer.engine.run import Run, config_of
from trainer.errors import CheckpointError
from trainer.features import DatasetFeatures
from trainer.records import Report

DATASET_FEATURES = small_dataset_features()


def finish(run: Run) -> tuple[Report, ...]:
    while not run.finished:
        run.advance()
    return run.reports


def test_counts_are_exact() -> None:
    iterations: list[int] = []
    config = small_config(training={"iterations": 11})
    points = config.evaluate_at(crops=10)
    run = Run.start(config, DATASET_FEATURES, CPU)
    while not run.finished:
        report = run.advance(iterations.append)
        assert report.iteration == run.iteration == points[report.evaluation - 1]
    assert iterations == list(range(1, 12))
    assert [report.evaluation for report in run.reports] == [1, 2, 3]
    assert [report.iteration for report in run.reports] == [4, 7, 11]
    assert float(run._slots.state(0)["model.steps_S1"]) == 11


def test_the_reported_loss_is_the_mean_since_the_last_report() -> None:
    run, twin = (Run.start(small_config(), DATASET_FEATURES, CPU) for _ in range(2))
    for _ in range(2):
        losses = []
        for _ in range(4):
            twin._slots.step()
            losses.append(twin._slots.take_loss(0)[0])
        assert run.advance().loss == pytest.approx(sum(losses) / 4)


def test_loss_terms_add_up_to_the_loss_and_are_named_by_modality() -> None:
    for report in finish(Run.start(small_config(), DATASET_FEATURES, CPU)):
        assert list(report.terms) == ["rgb", "depth"]
        assert sum(report.terms.values()) == pytest.approx(report.loss)
        assert Report.from_json(report.to_json()) == report


def test_a_checkpoint_without_loss_terms_resumes_and_has_them_after_the_next_report(
    tmp_path: Path,
) -> None:
    run = Run.start(small_config(), DATASET_FEATURES, CPU)
    run.advance()
    run.save(tmp_path)
    tensors, record = checkpoint.read_checkpoint(tmp_path)
    del tensors["term_sums"], record["reports"][0]["terms"], record["state"]
    checkpoint.write_checkpoint(tmp_path, tensors, record)
    restored = Run.restore(tmp_path, small_config(), DATASET_FEATURES, CPU)
    assert restored.reports[0].terms == {}
    reports, expected = finish(restored), finish(run)
    assert [report.loss for report in reports] == [report.loss for report in expected]
    assert all(math.isnan(term) for term in reports[1].terms.values())
    assert reports[2] == expected[2]


def test_the_same_seed_gives_the_same_reports() -> None:
    assert finish(Run.start(small_config(), DATASET_FEATURES, CPU)) == finish(
        Run.start(small_config(), DATASET_FEATURES, CPU)
    )


@pytest.mark.parametrize("method", [{}, {"fusion": "ladder"}, {"name": "stego"}])
@pytest.mark.parametrize("evaluations", [0, 1, 2])
def test_a_restored_run_equals_the_undisturbed_one_bit_for_bit(
    tmp_path: Path, method: dict[str, Any], evaluations: int
) -> None:
    config = small_config(**method)
    run = Run.start(config, DATASET_FEATURES, CPU)
    for _ in range(evaluations):
        run.advance()
    run.save(tmp_path / "checkpoint")
    restored = Run.restore(tmp_path / "checkpoint", config, DATASET_FEATURES, CPU)
    assert (restored.iteration, restored.reports) == (run.iteration, run.reports)
    assert finish(restored) == finish(run)
    assert same_tensors(run._slots.state(0), restored._slots.state(0))


def test_a_run_saved_between_evaluations_resumes_there(tmp_path: Path) -> None:
    config = small_config()
    run = Run.start(config, DATASET_FEATURES, CPU)
    run.advance(lambda done: run.save(tmp_path) if done == 2 else None)
    restored = Run.restore(tmp_path, config, DATASET_FEATURES, CPU)
    assert restored.iteration == 2
    assert restored.advance() == run.reports[0]


def test_a_checkpoint_replaces_the_older_one(tmp_path: Path) -> None:
    config = small_config()
    run = Run.start(config, DATASET_FEATURES, CPU)
    for _ in range(2):
        run.advance()
        run.save(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    assert Run.restore(tmp_path, config, DATASET_FEATURES, CPU).iteration == 8


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    run = Run.start(small_config(), DATASET_FEATURES, CPU)
    run.advance()
    run.save(tmp_path)
    return tmp_path


def refused(
    folder: Path,
    config: TrainConfig | None = None,
    dataset_features: DatasetFeatures = DATASET_FEATURES,
) -> str:
    with pytest.raises(CheckpointError) as caught:
        Run.restore(folder, config or small_config(), dataset_features, CPU)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("part", ["state-*.safetensors", RECORD_NAME])
@pytest.mark.parametrize("damage", ["truncate", "flip", "empty"])
def test_damage_is_refused(saved: Path, part: str, damage: str) -> None:
    (path,) = saved.glob(part)
    data = bytearray(path.read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 1
    damaged: dict[str, bytes | bytearray] = {"truncate": data[:-7], "flip": data, "empty": b""}
    path.write_bytes(damaged[damage])
    assert "is damaged" in refused(saved)


def test_missing_parts_are_refused(saved: Path) -> None:
    assert "holds no readable checkpoint" in refused(saved / "nowhere")
    next(saved.glob("state-*")).unlink()
    assert "lacks its tensors" in refused(saved)


def test_another_configuration_is_refused_with_the_differences(saved: Path) -> None:
    message = refused(saved, small_config(seed=1, training={"iterations": 24}))
    assert "seed is 0 there and 1 here" in message
    assert "training.iterations is 12 there and 24 here" in message


def test_other_features_are_refused(saved: Path) -> None:
    other = dataclasses.replace(
        DATASET_FEATURES, fingerprints={"data": "d", "weights": "x", "bank": "b"}
    )
    assert "weights is 'w' there and 'x' here" in refused(saved, dataset_features=other)


def test_the_configuration_is_read_back(saved: Path) -> None:
    assert config_of(saved) == small_config()


def test_a_data_set_without_labels_trains() -> None:
    dataset_features = small_dataset_features(labelled=False)
    reports = finish(Run.start(small_config(), dataset_features, CPU))
    assert all(math.isnan(report.cluster.miou) for report in reports)
    assert all(math.isfinite(report.loss) and report.signals.finite for report in reports)


@pytest.mark.parametrize("probe", ["pixel", "token"])
def test_both_linear_probes_learn(probe: str) -> None:
    config = small_config(training={"linear_probe": probe})
    run = Run.start(config, DATASET_FEATURES, CPU)
    before = run._slots.state(0)["probes.leaf_SP"]
    finish(run)
    assert not torch.equal(before, run._slots.state(0)["probes.leaf_SP"])
    assert math.isfinite(run.reports[-1].linear.miou)


def test_a_batch_is_never_larger_than_the_split() -> None:
    run = Run.start(small_config(training={"batch_size": 32}), DATASET_FEATURES, CPU)
    assert math.isfinite(run.advance().loss)


def test_moved_files_count_as_the_same_configuration(saved: Path) -> None:
    config = small_config()
    moved = dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, root="/elsewhere"),
        backbone=dataclasses.replace(config.backbone, weights="/elsewhere/weights.pth"),
    )
    assert Run.restore(saved, moved, DATASET_FEATURES, CPU).iteration == 4
    other = dataclasses.replace(moved, data=dataclasses.replace(moved.data, seed=7))
    message = refused(saved, other)
    assert "data.seed is 0 there and 7 here" in message and "elsewhere" not in message


@pytest.fixture
def replacing(saved: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[None]]:
    """Lets another run replace the checkpoint right after each of its first ``count`` reads."""
    run = Run.restore(saved, small_config(), DATASET_FEATURES, CPU)
    read = checkpoint.read_record
    readings: list[None] = []

    def replace(count: int) -> list[None]:
        def read_then_replace(folder: Path) -> Any:
            record = read(folder)
            readings.append(None)
            if len(readings) <= count:
                run._slots.step()
                run.save(folder)
            return record

        monkeypatch.setattr(checkpoint, "read_record", read_then_replace)
        return readings

    return replace


@pytest.mark.parametrize("count", [1, 3])
def test_a_checkpoint_replaced_while_it_is_read_is_read_again(
    saved: Path, replacing: Callable[[int], list[None]], count: int
) -> None:
    replacing(count)
    restored = Run.restore(saved, small_config(), DATASET_FEATURES, CPU)
    assert float(restored._slots.state(0)["model.steps_S1"]) == 4 + count


def test_reading_is_not_repeated_forever(
    saved: Path, replacing: Callable[[int], list[None]]
) -> None:
    readings = replacing(100)
    assert "lacks its tensors" in refused(saved)
    assert len(readings) < 10
