"""DepthG: its loss and its points by hand and restated, and that depth has no part in the code."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.unit.trainer import restated
from tests.unit.trainer.small import (
    CPU,
    GRID,
    hyper_of,
    rows_of,
    small_batch,
    small_config,
    small_dataset_features,
    small_draws,
    small_tensor,
)
from trainer.config.configuration import MethodConfig, TrainConfig
from trainer.engine.slots import Slots
from trainer.errors import ConfigError
from trainer.features.dataset_features import DatasetFeatures
from trainer.losses.depth_correlation import depth_correlation
from trainer.losses.farthest_points import farthest_points
from trainer.methods import build_method, feature_maps, hyper_values
from trainer.methods.base import Batch, Method, StepTerms
from trainer.methods.feature_map import FeatureMap
from trainer.seeds import torch_generator

TOKENS = GRID[0] * GRID[1]
Floats = NDArray[np.float64]
DEPTH = FeatureMap(modality="depth", output="pixels")


def restated_points(depth: Floats, count: int) -> Floats:
    """Points (x, y) of one map (H, W), one after the other."""
    height, width = depth.shape
    places = {}
    for row in range(height):
        for column in range(width):
            d = depth[row, column]
            x, y = 2 * ((column + 0.5) / width - 0.5), 2 * ((row + 0.5) / height - 0.5)
            places[row, column] = d * np.array([x, y, 5])
    chosen = [(0, 0)]
    while len(chosen) < min(count, height * width):
        left = [place for place in places if place not in chosen]
        chosen.append(
            max(left, key=lambda one: min(((places[one] - places[o]) ** 2).sum() for o in chosen))
        )
    every = [chosen[number % len(chosen)] for number in range(count)]
    return np.array([[2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1] for y, x in every])


def restated_loss(codes: Floats, depth: Floats, points: Floats, bias: float, kind: str) -> float:
    """Of one crop: (H, W, K), (H, W), (Q, 2)."""
    sampled = restated.sample(codes, points)
    similarity = np.maximum(restated.cosines(sampled, sampled), 0)
    values = restated.sample(depth[..., None], points)[:, 0]
    level = np.ones((len(points), len(points)))
    if kind == "difference":
        for i, one in enumerate(values):
            for j, other in enumerate(values):
                level[i, j] = 1 - abs(one - other) / (values.max() - values.min())
    return float(np.mean(-similarity * (level - bias)))


def step_of(config: TrainConfig, **batch: Any) -> tuple[Method, StepTerms, Batch, Any]:
    method = build_method(config, channels=6, classes=3)
    row = method.parameters.initial_row(torch_generator(0, "p")).double()[None]
    views = method.parameters.views(row)
    buffers = method.buffers.views(torch.zeros(1, 0, dtype=torch.float64))
    tokens = small_tensor(1, len(config.data.modalities), 8, TOKENS, 6, seed=1)
    given = dataclasses.replace(small_batch(tokens, config), **batch)
    draws = small_draws(maps=method.needs.maps, masks=method.needs.masks)
    made = method.step(views, buffers, given, hyper_of(config), draws)
    return method, made, given, (views, draws)


def test_two_tokens_by_hand() -> None:
    # codes at an angle of 60 degrees, depths at both ends of the range: D is 1 with itself, else 0
    codes = torch.tensor([[[[1.0, 0.0], [0.5, math.sqrt(0.75)]]]], dtype=torch.float64)
    made = {
        kind: depth_correlation(
            codes,
            torch.tensor([[[0.2, 0.9]]], dtype=torch.float64),
            torch.tensor([[[[-1.0, 0.0], [1.0, 0.0]]]], dtype=torch.float64),
            grid=(1, 2),
            bias_S=torch.tensor([0.1], dtype=torch.float64),
            sample_weight_SB=torch.ones(1, 1, dtype=torch.float64),
            affinity=kind,
        ).item()
        for kind in ("difference", "released")
    }
    assert made["difference"] == pytest.approx(-(2 * 1 * 0.9 + 2 * 0.5 * -0.1) / 4)
    assert made["released"] == pytest.approx(-(2 * 1 * 0.9 + 2 * 0.5 * 0.9) / 4)


def test_a_point_without_depth_has_no_released_affinity() -> None:
    codes = torch.ones(1, 1, 2, 1, dtype=torch.float64)
    made = depth_correlation(
        codes,
        torch.tensor([[[0.0, 0.9]]], dtype=torch.float64),
        torch.tensor([[[[-1.0, 0.0], [1.0, 0.0]]]], dtype=torch.float64),
        grid=(1, 2),
        bias_S=torch.zeros(1, dtype=torch.float64),
        sample_weight_SB=torch.ones(1, 1, dtype=torch.float64),
        affinity="released",
    )
    assert made.tolist() == [-0.25]


def test_constant_depth_is_everywhere_alike() -> None:
    codes = small_tensor(1, 2, TOKENS, 4)
    points = torch.rand(1, 2, 9, 2, generator=torch_generator(0), dtype=torch.float64) * 2 - 1

    def loss(kind: Any) -> torch.Tensor:
        return depth_correlation(
            codes,
            torch.full((1, 2, TOKENS), 0.25, dtype=torch.float64),
            points,
            grid=GRID,
            bias_S=torch.tensor([0.2], dtype=torch.float64),
            sample_weight_SB=torch.full((1, 2), 0.5, dtype=torch.float64),
            affinity=kind,
        )

    torch.testing.assert_close(loss("difference"), loss("released"))


@pytest.mark.parametrize("count", [1, 9, TOKENS, TOKENS + 3])
def test_points_equal_the_restatement(count: int) -> None:
    depth = small_tensor(1, 2, TOKENS, seed=4).abs() + 0.1
    made = farthest_points(depth, GRID, count=count)
    assert made.shape == (1, 2, count, 2)
    for crop in range(2):
        expected = restated_points(depth[0, crop].numpy().reshape(GRID), count)
        np.testing.assert_allclose(made[0, crop].numpy(), expected, atol=1e-12)


def test_a_far_object_is_chosen_second() -> None:
    depth = torch.full((1, 1, TOKENS), 0.1)
    depth[0, 0, 7] = 0.9  # second row, third column
    points = farthest_points(depth, GRID, count=2)
    assert points[0, 0].tolist() == [[-1, -1], [0, pytest.approx(2 / 3 - 1)]]


@pytest.mark.parametrize("affinity", ["difference", "released"])
@pytest.mark.parametrize("values", ["distance", "inverse"])
@pytest.mark.parametrize("points", ["farthest", "random"])
def test_the_whole_loss_equals_the_restatement(affinity: str, values: str, points: str) -> None:
    hyper = {"lambda_depth": 0.5, "b_depth": 0.2, "lambda_knn": 0.3}
    config = small_config(
        name="depthg", hyper=hyper, affinity=affinity, values=values, points=points, channel=1
    )
    _, made, batch, (views, draws) = step_of(config)
    parameters = {name: view[0].numpy() for name, view in views.items()}
    masks = draws.masks_SDNC[0].numpy()
    raw = batch.tokens_SMNTC[0, 0].numpy()
    code = restated.head(raw, parameters, masks).reshape(8, *GRID, 4)
    depth = batch.maps[DEPTH][0, ..., 1].numpy().reshape(8, *GRID)
    if values == "inverse":
        depth = 0.05 / np.maximum(depth, 0.05)
    places = draws.coordinates_SM2BQ2[0].numpy()
    if points == "farthest":
        every = np.stack([restated_points(each, 9) for each in depth])
        places = every.reshape(1, 2, 4, 9, 2)
    stego = restated.total_loss(
        (raw * masks[2][:, None]).reshape(1, 8, *GRID, 6),  # a single encoded modality
        code[None],
        places,
        draws.sources_SMBJ[0, :, :, 2:].transpose(1, 2).numpy(),
        np.array(rows_of(config)),
    )
    own = np.mean(
        [restated_loss(code[n], depth[n], places[0, 0, n], 0.2, affinity) for n in range(4)]
    )
    assert made.terms["correspondence"].item() == pytest.approx(stego, rel=1e-9)
    assert made.terms["depth"].item() == pytest.approx(0.5 * own, rel=1e-9)


def test_weight_and_bias_of_the_depth_loss_shrink_as_scheduled() -> None:
    config = small_config(name="depthg", hyper={"b_depth": 0.0}, decay=0.5, decay_every=10)
    found = [
        step_of(config, iteration_S=torch.tensor([float(number)]))[1].terms["depth"].item()
        for number in (0, 9, 10, 19, 20)
    ]
    assert found == pytest.approx([found[0] * share for share in (1, 1, 0.5, 0.5, 0.25)])
    biased = small_config(name="depthg", hyper={"b_depth": 0.8}, decay=0.5, decay_every=10)
    later = step_of(biased, iteration_S=torch.tensor([10.0]))[1].terms["depth"]
    less = small_config(name="depthg", hyper={"b_depth": 0.4}, decay=0.5, decay_every=10)
    assert later.item() == pytest.approx(0.5 * step_of(less)[1].terms["depth"].item())


def test_the_schedule_follows_the_slots_own_iterations() -> None:
    config = small_config(name="depthg", decay=1e-6, decay_every=3)
    slots, found = Slots.start([config], small_dataset_features(crops=4), CPU), []
    for _ in range(4):
        slots.step()
        found.append(abs(slots.take_terms(0)["depth"]))
    assert min(found[:3]) > 1e-3 and found[3] < 1e-5


@pytest.mark.parametrize("modalities", [("rgb", "depth"), ("rgb", "depth", "nir")])
def test_predictions_do_not_depend_on_depth(modalities: tuple[str, ...]) -> None:
    config = small_config(modalities=modalities, name="depthg", fusion="sum")
    method, _, batch, (views, _) = step_of(config)
    changed = batch.tokens_SMNTC.clone()
    changed[:, 1] = 0
    code = method.encode(views, {}, batch.tokens_SMNTC)
    assert torch.equal(code, method.encode(views, {}, changed))
    changed[:, 0] = 0
    assert not torch.equal(code, method.encode(views, {}, changed))


@pytest.mark.parametrize("modalities", [("rgb", "nir"), ("depth", "nir")])
def test_modalities_without_depth_are_refused_in_one_line(modalities: tuple[str, ...]) -> None:
    config = small_config(modalities=modalities, name="depthg")
    with pytest.raises(ConfigError, match="has no 'depth' after the first one") as caught:
        hyper_values(config)
    assert "\n" not in str(caught.value) and "method.options.depth" in str(caught.value)
    named = small_config(modalities=modalities, name="depthg", depth="nir")
    assert feature_maps(named) == (FeatureMap(modality="nir", output="pixels"),)


@pytest.mark.parametrize(
    ("option", "value"), [("channel", 3), ("decay", 0.0), ("decay", 1.5), ("decay_every", 0)]
)
def test_options_out_of_range_are_refused(option: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"method.options.{option}"):
        MethodConfig(name="depthg", options={option: value})


def test_features_without_depth_images_are_refused() -> None:
    whole = small_dataset_features()
    without = dataclasses.replace(whole, train=dataclasses.replace(whole.train, maps={}))
    assert isinstance(without, DatasetFeatures)
    with pytest.raises(ConfigError, match=r"lack depth\.pixels\.plain"):
        Slots.start([small_config(name="depthg")], without, CPU)
