"""Evaluation against direct computation: upsample the code, normalise, take the nearest centre."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from tests.unit.trainer.small import CLASSES, CPU, GRID, small_config, small_dataset_features
from trainer.engine.slots import Slots
from trainer.features import DatasetFeatures
from trainer.scoring.metrics import match_clusters, scores_of


def trained(**kwargs: Any) -> tuple[Slots, DatasetFeatures]:
    dataset_features = small_dataset_features(**kwargs)
    slots = Slots.start([small_config()], dataset_features, CPU)
    for _ in range(3):
        slots.step()
    return slots, dataset_features


def codes_of(slots: Slots, dataset_features: DatasetFeatures) -> torch.Tensor:
    """Raw codes of the val images with shape (n, K, H, W)."""
    state = slots.state(0)
    views = slots._method.parameters.views(state["model.leaf_SP"][None])
    maps = [
        torch.from_numpy(np.array(dataset_features.val.features[name]))
        for name in dataset_features.modalities
    ]
    tokens = torch.stack(maps).flatten(2, 3)[None]
    codes = slots._method.encode(views, {}, tokens)[0]
    return torch.unflatten(codes, 1, GRID).permute(0, 3, 1, 2)


def confusion(predictions: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.int64]:
    counts = np.zeros((CLASSES, CLASSES), dtype=np.int64)
    for label in range(CLASSES):
        for prediction in range(CLASSES):
            counts[label, prediction] = np.sum((labels == label) & (predictions == prediction))
    return counts


def test_predictions_are_those_of_the_upsampled_raw_code() -> None:
    slots, dataset_features = trained()
    evaluation = slots.evaluate(0, dataset_features.val)
    probes = slots.scored(0).probes
    codes = functional.interpolate(
        codes_of(slots, dataset_features), size=(16, 20), mode="bilinear", align_corners=False
    )
    centres = functional.normalize(probes["cluster.centres"][0], dim=-1)
    cosines = torch.einsum("nkhw,yk->nyhw", functional.normalize(codes, dim=1), centres)
    clusters = cosines.argmax(dim=1).numpy()
    labels = dataset_features.val.labels
    assert labels is not None
    counts = confusion(clusters, labels)
    assert evaluation.cluster == scores_of(match_clusters(counts))
    weight, bias = probes["linear.weight"][0], probes["linear.bias"][0]
    logits = torch.einsum("nkhw,yk->nyhw", codes, weight) + bias[:, None, None]
    linear = scores_of(confusion(logits.argmax(dim=1).numpy(), labels))
    assert evaluation.linear == linear
    use = np.bincount(clusters.ravel(), minlength=CLASSES)
    assert evaluation.signals.largest_share == pytest.approx(use.max() / use.sum())


def test_mean_cosine_is_that_of_the_whole_split() -> None:
    slots, dataset_features = trained()
    units = functional.normalize(codes_of(slots, dataset_features), dim=1)
    rows = units.permute(0, 2, 3, 1).reshape(-1, 4).double().numpy()
    pairs = (rows @ rows.T)[~np.eye(len(rows), dtype=bool)]
    made = slots.evaluate(0, dataset_features.val).signals
    assert made.mean_cosine == pytest.approx(pairs.mean(), rel=1e-5)
    assert made.finite


def test_the_batch_size_changes_no_score() -> None:
    dataset_features = small_dataset_features()
    for size in (1, 5):
        config = small_config()
        config = dataclasses.replace(
            config, evaluation=dataclasses.replace(config.evaluation, batch_size=size)
        )
        scores = Slots.start([config], dataset_features, CPU).evaluate(0, dataset_features.val)
        if size == 1:
            first = scores
    assert (first.cluster, first.linear) == (scores.cluster, scores.linear)


def test_a_split_without_labels_has_collapse_indicators_but_no_scores() -> None:
    slots, dataset_features = trained(labelled=False)
    made = slots.evaluate(0, dataset_features.val)
    assert math.isnan(made.cluster.miou) and math.isnan(made.linear.accuracy)
    assert 0 <= made.signals.cluster_entropy <= 1


def test_codes_that_are_not_finite_are_reported() -> None:
    slots, dataset_features = trained()
    dataset_features.val.features["rgb"][0, 0, 0, 0] = np.nan
    assert not slots.evaluate(0, dataset_features.val).signals.finite
