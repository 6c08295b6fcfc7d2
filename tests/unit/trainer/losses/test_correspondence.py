"""The correspondence loss against its restatement, and the identities it rests on."""

import dataclasses
from typing import TypedDict

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.unit.trainer import restated
from tests.unit.trainer.small import GRID, small_draws, small_tensor
from trainer.losses import PairPoints, cmcs_weights, correspondence
from trainer.losses.draws import StepDraws
from trainer.losses.sampling import locate, sample_features
from trainer.losses.targets import sample_targets

TOKENS = GRID[0] * GRID[1]


def make(maps: int, *, present: int = 4) -> tuple[StepDraws, Tensor, Tensor]:
    draws = small_draws(maps=maps, masks=2, present=present)
    targets = small_tensor(1, maps, 8, TOKENS, 6, seed=1)
    codes = small_tensor(1, maps, 8, TOKENS, 3, seed=2)
    return draws, targets, codes


class LossInputs(TypedDict):
    hyper: dict[str, torch.Tensor]
    modalities: tuple[str, ...]


def named(hyper_SM7: torch.Tensor) -> LossInputs:
    """The numbers of each map by name: lambda and b of self, KNN and random pairs, and weight."""
    modalities = tuple(f"map{number}" for number in range(hyper_SM7.shape[1]))
    names = [f"{what}_{pair}" for pair in ("self", "knn", "random") for what in ("lambda", "b")]
    hyper = {
        f"{modality}.{name}": hyper_SM7[:, place, column]
        for place, modality in enumerate(modalities)
        for column, name in enumerate((*names, "weight"))
    }
    return {"hyper": hyper, "modalities": modalities}


def loss_of(draws: StepDraws, targets: Tensor, codes: Tensor, hyper: Tensor) -> Tensor:
    weights, biases = cmcs_weights(**named(hyper), random_draws=2)
    points = PairPoints.of(draws, GRID)
    return correspondence(targets, codes, points, weights_SMJ=weights, biases_SMJ=biases)


def restated_loss(draws: StepDraws, targets: Tensor, codes: Tensor, hyper: Tensor) -> float:
    return restated.total_loss(
        torch.unflatten(targets[0], 2, GRID).numpy(),
        torch.unflatten(codes[0], 2, GRID).numpy(),
        draws.coordinates_SM2BQ2[0].numpy(),
        draws.sources_SMBJ[0, :, :, 2:].transpose(1, 2).numpy(),
        hyper[0].numpy(),
    )


@pytest.mark.parametrize("maps", [1, 2])
@pytest.mark.parametrize("pair", ["self", "knn", "random", "all"])
def test_equals_the_restatement(maps: int, pair: str) -> None:
    draws, targets, codes = make(maps)
    hyper = small_tensor(1, maps, 7, seed=3).abs()
    for position, name in enumerate(("self", "knn", "random")):
        if pair not in (name, "all"):
            hyper[..., 2 * position] = 0
    loss = loss_of(draws, targets, codes, hyper).sum()
    assert abs(float(loss)) > 1e-4
    assert float(loss.detach()) == pytest.approx(
        restated_loss(draws, targets, codes, hyper), rel=1e-12
    )


def test_gradient_by_finite_differences() -> None:
    draws, targets, codes = make(2)
    hyper = small_tensor(1, 2, 7, seed=3).abs()
    assert torch.autograd.gradcheck(
        lambda given: loss_of(draws, targets, given, hyper), codes.requires_grad_(), fast_mode=True
    )


def test_no_gradient_reaches_the_targets() -> None:
    draws, targets, codes = make(1)
    loss = loss_of(draws, targets.requires_grad_(), codes.requires_grad_(), torch.ones(1, 1, 7))
    torch.autograd.backward(loss.sum())
    assert targets.grad is None
    assert codes.grad is not None and codes.grad.abs().sum() > 0


@pytest.mark.parametrize(("sign", "moves"), [(-1.0, False), (1.0, True)])
def test_no_gradient_where_codes_disagree(sign: float, moves: bool) -> None:
    draws, targets, codes = make(1)
    own = torch.tensor([1.0, 0.2, 0.0]) + 0.05 * small_tensor(4, TOKENS, 3, seed=4)
    partner = torch.tensor([1.0, 0.0, 0.5]) + 0.05 * small_tensor(4, TOKENS, 3, seed=5)
    codes[0, 0, :4], codes[0, 0, 4:] = own, sign * partner
    only_knn = torch.tensor([[[0.0, 0, 1, 0.3, 0, 0, 1]]], dtype=torch.float64)
    loss = loss_of(draws, targets, codes.requires_grad_(), only_knn).sum()
    torch.autograd.backward(loss)
    assert codes.grad is not None
    assert bool(codes.grad.abs().max() > 1e-4) is moves
    assert bool(loss.detach() != 0) is moves


def test_centring_keeps_the_mean_and_levels_the_rows() -> None:
    draws, tokens, _ = make(2)
    sites = locate(PairPoints.of(draws, GRID), crops=8)
    features = sample_features(tokens, sites)
    before = torch.einsum("gqc,gpjc->gjqp", features[:, :, 0], features)
    factors = torch.arange(1.0, 5.0).repeat(8, 1)
    targets = sample_targets(tokens, sites, factors)
    torch.testing.assert_close(targets.queries_GQC, features[:, :, 0])
    after = torch.einsum("gqc,gpjc->gjqp", targets.queries_GQC, targets.centred_GQJC)
    assert after.mean(dim=-1).abs().max() < 1e-12
    centred = before - before.mean(dim=-1, keepdim=True)
    torch.testing.assert_close(after, centred * factors[:, :, None, None])
    torch.testing.assert_close(targets.mean_GJ, before.mean(dim=(2, 3)))


def test_padding_changes_nothing() -> None:
    draws, targets, codes = make(2, present=3)
    hyper = small_tensor(1, 2, 7, seed=3).abs()
    keep = [0, 1, 2, 4, 5, 6]
    sources = draws.sources_SMBJ[:, :, :3].clone()
    sources[..., 1] -= 1  # partners follow three anchors, not four
    short = dataclasses.replace(
        draws,
        sample_weight_SB=draws.sample_weight_SB[:, :3],
        sources_SMBJ=sources,
        coordinates_SM2BQ2=draws.coordinates_SM2BQ2[:, :, :, :3],
    )
    padded_loss = loss_of(draws, targets, codes, hyper)
    short_loss = loss_of(short, targets[:, :, keep], codes[:, :, keep], hyper)
    torch.testing.assert_close(padded_loss, short_loss, rtol=1e-12, atol=0)
    assert float(short_loss.sum()) == pytest.approx(
        restated_loss(short, targets[:, :, keep], codes[:, :, keep], hyper), rel=1e-12
    )


def test_sampling_reads_between_tokens() -> None:
    draws, targets, _ = make(1)
    features = sample_features(targets, locate(PairPoints.of(draws, GRID), crops=8))
    maps = torch.unflatten(targets[0, 0], 1, GRID).numpy()
    for group, source in enumerate(draws.sources_SMBJ[0, 0, 1].tolist()):
        points = draws.coordinates_SM2BQ2[0, 0, 0 if group == 0 else 1, 1].numpy()
        expected = restated.sample(maps[source], points)
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
        np.testing.assert_allclose(features[1, :, group].numpy(), expected, rtol=1e-12)


def test_weights_average_the_random_draws() -> None:
    hyper = torch.tensor([[[0.1, 1, 0.2, 2, 0.4, 3, 10]]])
    weights, biases = cmcs_weights(**named(hyper), random_draws=2)
    torch.testing.assert_close(weights, torch.tensor([[[1.0, 2, 2, 2]]]))
    torch.testing.assert_close(biases, torch.tensor([[[1.0, 2, 3, 3]]]))
