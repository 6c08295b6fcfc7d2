"""CORAL, MMD and cosine: by hand, against NumPy float64, and as part of the whole loss."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

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
from trainer.config.configuration import MethodConfig
from trainer.engine.slots import Slots
from trainer.errors import ConfigError
from trainer.losses.coral import coral
from trainer.losses.cosine import cosine
from trainer.losses.mmd import mmd
from trainer.losses.token_pairs import TokenPairs, tokens_at
from trainer.methods import build_method
from trainer.seeds import torch_generator

TOKENS = GRID[0] * GRID[1]
Floats = NDArray[np.float64]
LOSSES: dict[str, Callable[[TokenPairs], Tensor]] = {
    "coral": coral,
    "cosine": cosine,
    "mmd": lambda pairs: mmd(pairs, tokens=1000),
}


def restated_coral(first: Floats, other: Floats) -> float:
    """Supplementary, Eq. 2."""
    difference = np.cov(first, rowvar=False) - np.cov(other, rowvar=False)
    return float(np.linalg.norm(difference, "fro") ** 2 / (4 * first.shape[1] ** 2))


def restated_cosine(first: Floats, other: Floats) -> float:
    """Supplementary, Eq. 4, mean over tokens."""
    pairs = zip(first, other, strict=True)
    return float(np.mean([1 - a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) for a, b in pairs]))


def median_distance(first: Floats, other: Floats) -> float:
    """Of the squared distances of all tokens, the lower one of two in the middle."""
    both = np.concatenate([first, other])
    distances = [
        float((one - two) @ (one - two)) for n, one in enumerate(both) for two in both[n + 1 :]
    ]
    return sorted(distances)[(len(distances) - 1) // 2]


def restated_mmd(first: Floats, other: Floats, width: float | None = None) -> float:
    """Supplementary, Eq. 3, by the kernel: three double sums over the tokens."""
    width = median_distance(first, other) if width is None else width

    def kernel(one: Floats, two: Floats) -> float:
        squared = float((one - two) @ (one - two))
        return sum(math.exp(-squared / (width * 2.0**power)) for power in range(-2, 3)) / 5

    def mean(left: Floats, right: Floats) -> float:
        return float(np.mean([kernel(one, two) for one in left for two in right]))

    return mean(first, first) + mean(other, other) - 2 * mean(first, other)


RESTATED: dict[str, Callable[[Floats, Floats], float]] = {
    "coral": restated_coral,
    "cosine": restated_cosine,
    "mmd": restated_mmd,
}


def pairs_of(first: Any, *others: Any) -> TokenPairs:
    """All tokens of one slot, each counting the same."""
    first_SIC = torch.as_tensor(np.array(first), dtype=torch.float64)[None]
    tokens = first_SIC.shape[1]
    return TokenPairs(
        first_SIC=first_SIC,
        others_SXIC=torch.as_tensor(np.stack(others), dtype=torch.float64)[None],
        weight_SI=torch.full((1, tokens), 1 / tokens, dtype=torch.float64),
        drawn_SI=torch.arange(tokens)[None],
    )


def samples(count: int = 30, channels: int = 4) -> list[Floats]:
    generator = np.random.default_rng(3)
    mixing = generator.normal(size=(3, channels, channels))
    return [generator.normal(size=(count, channels)) @ each + 0.3 for each in mixing]


@pytest.mark.parametrize("name", LOSSES)
def test_each_loss_equals_its_restatement(name: str) -> None:
    first, *others = samples()
    made = LOSSES[name](pairs_of(first, *others))
    expected = [RESTATED[name](first, other) for other in others]
    np.testing.assert_allclose(made[0].numpy(), expected, rtol=1e-9)
    assert made.shape == (1, 2) and min(expected) > 1e-3


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_the_slopes_of_the_restatement(name: str) -> None:
    first, other, _ = samples(count=7)
    pairs = pairs_of(first, other)
    leaf = pairs.others_SXIC.clone().requires_grad_()
    loss = LOSSES[name](dataclasses.replace(pairs, others_SXIC=leaf)).sum()
    (gradient,) = torch.autograd.grad(loss, leaf)
    value = RESTATED[name]
    if name == "mmd":  # the kernels' widths are not differentiated
        width = median_distance(first, other)
        value = functools.partial(restated_mmd, width=width)
    for token in range(7):
        for channel in range(4):
            aside = np.zeros_like(other)
            aside[token, channel] = 1e-6
            slope = (value(first, other + aside) - value(first, other - aside)) / 2e-6
            assert float(gradient[0, 0, token, channel]) == pytest.approx(
                slope, rel=1e-5, abs=1e-8
            )


def test_coral_is_zero_on_equal_covariances() -> None:
    first, other, _ = samples()
    turned = np.linalg.cholesky(np.cov(first, rowvar=False))
    white = other - other.mean(axis=0)
    white = white @ np.linalg.inv(np.linalg.cholesky(np.cov(other, rowvar=False))).T
    same = white @ turned.T + 5.0  # another mean, other tokens, the same covariance
    assert float(coral(pairs_of(first, same))) == pytest.approx(0, abs=1e-20)
    assert float(coral(pairs_of(first, first))) == 0
    assert float(coral(pairs_of(first, other))) > 1e-3


def test_coral_by_hand() -> None:
    # variances 2 and 0 against 0 and 8: (2^2 + 8^2) / (4 * 2^2)
    pairs = pairs_of([[1, 0], [-1, 0]], [[0, 2], [0, -2]])
    assert float(coral(pairs)) == pytest.approx(68 / 16)


def test_mmd_of_two_single_tokens_by_hand() -> None:
    # one pair, whose distance is the median: 2 - 2 k, k the mean of exp(-1 / s)
    kernel = sum(math.exp(-1 / scale) for scale in (0.25, 0.5, 1, 2, 4)) / 5
    for place in ([3.0, 4.0], [0.1, 0.0]):
        assert float(mmd(pairs_of([[0.0, 0.0]], [place]), tokens=9)) == pytest.approx(
            2 - 2 * kernel
        )


def test_mmd_does_not_ask_for_the_order_of_tokens() -> None:
    first, other, _ = samples()
    same = mmd(pairs_of(first, first[::-1], other), tokens=1000)
    assert float(same[0, 0]) == pytest.approx(0, abs=1e-12) and float(same[0, 1]) > 1e-3


def test_mmd_of_constant_tokens_is_finite() -> None:
    assert float(mmd(pairs_of(np.ones((5, 3)), np.ones((5, 3))), tokens=5)) == 0


def test_cosine_by_hand() -> None:
    pairs = pairs_of([[1, 0], [0, 2], [3, 0]], [[5, 0], [0, -1], [1, 1]])
    assert float(cosine(pairs)) == pytest.approx((0 + 2 + (1 - math.sqrt(0.5))) / 3)


@pytest.mark.parametrize("name", LOSSES)
def test_padding_changes_nothing(name: str) -> None:
    first, others = small_tensor(1, 4, TOKENS, 6), small_tensor(1, 2, 4, TOKENS, 6, seed=1)
    points = torch.rand(1, 4, 9, 2, generator=torch_generator(0), dtype=torch.float64) * 2 - 1
    drawn = tokens_at(points, GRID)
    share = torch.tensor([[1 / 3, 1 / 3, 1 / 3, 0]], dtype=torch.float64)
    padded = LOSSES[name](TokenPairs.of(first, others, share, drawn))
    short = LOSSES[name](
        TokenPairs.of(first[:, :3], others[:, :, :3], share[:, :3], tokens_at(points[:, :3], GRID))
    )
    torch.testing.assert_close(padded, short, rtol=1e-10, atol=1e-14)


def test_points_are_read_at_the_token_they_lie_in() -> None:
    # a map of 4 rows and 5 columns: top left, bottom right, middle of the second crop
    points = torch.tensor([[[[-1.0, -1.0], [1.0, 1.0]], [[0.0, 0.01], [-0.59, 0.99]]]])
    assert tokens_at(points, GRID).tolist() == [[0, 20 + 12, 19, 20 + 16]]


def test_points_reach_every_token_alike() -> None:
    points = torch.rand(1, 1, 20_000, 2, generator=torch_generator(1)) * 2 - 1
    counts = torch.bincount(tokens_at(points, GRID)[0], minlength=TOKENS)
    assert counts.min() > 850 and counts.max() < 1150  # of 1000 each


def test_a_sample_is_the_first_of_the_drawn_tokens_and_weighs_1() -> None:
    first, other, _ = samples()
    given = dataclasses.replace(pairs_of(first, other), drawn_SI=torch.tensor([[4, 2, 2, 29]]))
    made = given.sample(3)
    assert torch.equal(made.first_SIC, given.first_SIC[:, [4, 2, 2]])
    assert torch.equal(made.others_SXIC, given.others_SXIC[:, :, [4, 2, 2]])
    assert made.weight_SI.tolist() == [pytest.approx([1 / 3] * 3)]
    assert given.sample(100).first_SIC.shape == (1, 4, 4)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("fusion", ["sum", "conv"])
@pytest.mark.parametrize("count", [2, 4])
def test_the_whole_loss_is_stego_on_projections_and_the_weighted_alignment(
    name: str, fusion: str, count: int
) -> None:
    modalities = ("rgb", "depth", "nir", "aolp")[:count]
    hyper = {"lambda_align": 2.5, "b_knn": 0.2, "lambda_random": 0.4}
    options: dict[str, Any] = {"tokens": 36} if name == "mmd" else {}
    config = small_config(modalities=modalities, name=name, fusion=fusion, hyper=hyper, **options)
    method = build_method(config, channels=6, classes=3)
    draws = small_draws(maps=method.needs.maps, masks=method.needs.masks)
    row = method.parameters.initial_row(torch_generator(0, "p")).double()[None]
    views = method.parameters.views(row + 0.1 * small_tensor(*row.shape, seed=2))
    tokens = small_tensor(1, count, 8, TOKENS, 6, seed=1)
    batch = small_batch(tokens)
    buffers = method.buffers.views(torch.zeros(1, 0, dtype=torch.float64))
    made = method.step(views, buffers, batch, hyper_of(config), draws)

    weights = {key: view[0].numpy() for key, view in views.items()}
    raw = tokens[0].numpy()
    maps = [raw[0], *(projected(raw[n + 1], weights, n) for n in range(count - 1))]
    fused = restated.FUSIONS[fusion](maps, weights)
    code = restated.head(fused, weights, draws.masks_SDNC[0].numpy())
    stego = restated.total_loss(
        fused.reshape(1, 8, *GRID, 6),
        code.reshape(1, 8, *GRID, 4),
        draws.coordinates_SM2BQ2[0].numpy(),
        draws.sources_SMBJ[0, :, :, 2:].transpose(1, 2).numpy(),
        np.array(rows_of(config)),
    )
    own, *others = [each[:4].reshape(-1, 6) for each in maps]
    if name == "mmd":
        chosen = tokens_at(draws.coordinates_SM2BQ2[:, 0, 0], GRID)[0].numpy()
        own, *others = [each[chosen] for each in (own, *others)]
    alignment = sum(RESTATED[name](own, other) for other in others)
    assert float(made.terms["correspondence"]) == pytest.approx(stego, rel=1e-9)
    assert float(made.terms["alignment"]) == pytest.approx(2.5 * alignment, rel=1e-9)
    np.testing.assert_allclose(made.codes_SBTK[0].numpy(), code[:4], rtol=1e-9)


def projected(tokens: Floats, weights: dict[str, Any], member: int) -> Any:
    hidden = restated.relu(restated.layer(tokens, weights, "projection.first", (member,)))
    return restated.layer(hidden, weights, "projection.second", (member,))


@pytest.mark.parametrize("name", LOSSES)
def test_alignment_moves_the_projections_alone(name: str) -> None:
    config = small_config(name=name, fusion="conv")
    method = build_method(config, channels=6, classes=3)
    row = method.parameters.initial_row(torch_generator(0, "p")).double()[None].requires_grad_()
    made = method.step(
        method.parameters.views(row),
        method.buffers.views(torch.zeros(1, 0, dtype=torch.float64)),
        small_batch(small_tensor(1, 2, 8, TOKENS, 6, seed=1)),
        hyper_of(config),
        small_draws(maps=method.needs.maps, masks=method.needs.masks),
    )
    (gradient,) = torch.autograd.grad(made.terms["alignment"].sum(), row)
    for key, view in method.parameters.views(gradient).items():
        assert bool(view.abs().max() > 0) is key.startswith("projection"), key


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("fusion", ["sum", "conv"])
def test_the_alignment_falls_in_training(name: str, fusion: str) -> None:
    config = small_config(name=name, fusion=fusion, training={"learning_rate": 5e-3})
    slots, terms = Slots.start([config], small_dataset_features(crops=4), CPU), []
    for _ in range(60):
        slots.step()
        terms.append(slots.take_terms(0)["alignment"])
    assert 0 < sum(terms[-10:]) < sum(terms[:10])


def test_mmd_needs_two_tokens() -> None:
    with pytest.raises(ConfigError, match=r"method\.options\.tokens = 1 is too small"):
        MethodConfig(name="mmd", options={"tokens": 1})
