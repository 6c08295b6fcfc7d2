"""Labels do not change the label-free criteria of a run."""

import dataclasses

import numpy as np
import pytest

from tests.unit.trainer.small import CPU, small_config, small_dataset_features
from trainer.engine.run import Run
from trainer.features.dataset_features import DatasetFeatures, TrainSplit, ValSplit
from trainer.scoring.criteria import CRITERIA

FREE = [name for name, criterion in CRITERIA.items() if not criterion.needs_labels]


def with_noise(features: DatasetFeatures) -> DatasetFeatures:
    """The same features with random labels."""
    train, val = features.train, features.val
    assert train.labels is not None and val.labels is not None
    generator = np.random.default_rng(11)
    noise = [
        generator.integers(3, size=each.labels.shape, dtype=np.uint8)
        for each in (train, val)
        if each.labels is not None
    ]
    return dataclasses.replace(
        features,
        train=TrainSplit(features=train.features, labels=noise[0], neighbours=train.neighbours),
        val=ValSplit(features=val.features, labels=noise[1], names=val.names),
    )


def without(features: DatasetFeatures) -> DatasetFeatures:
    return dataclasses.replace(
        features,
        train=dataclasses.replace(features.train, labels=None),
        val=dataclasses.replace(features.val, labels=None),
    )


@pytest.mark.usefixtures("one_thread")
def test_criteria_without_labels_are_the_same_with_noise_for_labels_and_without_any() -> None:
    features = small_dataset_features()
    given, noisy, none = (
        [Run.start(small_config(), each, CPU).advance()]
        for each in (features, with_noise(features), without(features))
    )
    assert given[0].criteria["miou"] != noisy[0].criteria["miou"]
    for reports in (noisy, none):
        for before, after in zip(given, reports, strict=True):
            assert {name: before.criteria[name] for name in FREE} == {
                name: after.criteria[name] for name in FREE
            }
