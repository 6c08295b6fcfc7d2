"""A run trains without labels, and a request for its score is refused in one line."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.fakes.data_sets import mfnet
from trainer.commands.evaluate import Scoring, evaluate_checkpoint
from trainer.commands.fit import fit_run
from trainer.commands.tables import NONE
from trainer.config.configuration import (
    DataConfig,
    EvaluationConfig,
    FeatureConfig,
    MethodConfig,
    TrainConfig,
    TrainingConfig,
)
from trainer.engine.run import Run
from trainer.errors import DataError
from trainer.features import open_dataset_features, prepare, require_labels

CPU = torch.device("cpu")


def config_of(data: DataConfig) -> TrainConfig:
    return TrainConfig(
        data=data,
        features=FeatureConfig(train_resolution=16, eval_resolution=24),
        method=MethodConfig(code_dim=4),
        training=TrainingConfig(iterations=2, batch_size=4, samples=3),
        evaluation=EvaluationConfig(evaluations=1),
    )


def label_test_alone(root: Path) -> DataConfig:
    """A labelled test split beside train and val without labels."""
    data = mfnet.authors(root)
    for path in (root / "labels").iterdir():
        if path.stem != mfnet.NAMES[3]:
            path.unlink()
    return data


def test_fit_trains_and_evaluate_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = mfnet.without_labels(tmp_path / "data")
    folder, cache = tmp_path / "run", tmp_path / "cache"

    fit_run(config_of(data), folder, cache=cache, device=CPU)

    said = capsys.readouterr().out
    assert f"mIoU {NONE} (all {NONE}) accuracy {NONE}" in said
    assert "note: there is no list of val: 1 of 4 training images are held out" in said
    assert "score it once" not in said
    scorings = [Scoring(split=split, flip=False, crf=False) for split in ("val", "test")]
    for asked in scorings:
        with pytest.raises(
            DataError,
            match=f"^evaluate needs labels on {asked.split} for scoring, but this data set has"
            " none there",
        ) as no:
            evaluate_checkpoint(folder, asked, data=None, cache=cache, device=CPU)
        assert "\n" not in str(no.value)


@pytest.mark.parametrize("make", [mfnet.without_labels, label_test_alone])
def test_each_split_is_labelled_or_not(tmp_path: Path, make: Callable[[Path], DataConfig]) -> None:
    config = config_of(make(tmp_path / "data"))
    dataset_features = prepare(config, cache=tmp_path / "cache")
    assert dataset_features.folder is not None
    run = Run.start(config, open_dataset_features(dataset_features.folder), CPU)
    report = run.advance()
    tested = run.evaluate(dataset_features.test)

    labelled = make is label_test_alone
    assert dataset_features.train.labels is None and dataset_features.val.labels is None
    assert math.isnan(report.cluster.miou) and math.isnan(report.linear.miou)
    assert math.isfinite(tested.cluster.miou) == labelled
    assert math.isnan(tested.linear.miou)  # it had nothing to learn from
    if labelled:
        require_labels(dataset_features, split="test")
    with pytest.raises(DataError, match="a search needs labels on val"):
        require_labels(dataset_features)
