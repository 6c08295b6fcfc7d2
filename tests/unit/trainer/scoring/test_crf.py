"""The dense CRF against sums over all pairs of pixels, written out.

Shape letters: N pixels (h*w), D features a point, C corners of a simplex (D+1), Y classes.
"""

import numpy as np
import pytest
import torch

from trainer.config.configuration import DataConfig
from trainer.datasets import open_dataset
from trainer.scoring.crf import CrfSettings, refine
from trainer.scoring.crf.lattice import Lattice, _elevation, _simplices
from trainer.scoring.crf.mean_field import features_of
from trainer.seeds import torch_generator

SIDE, CLASSES = 32, 8


def gaussian(features_ND: torch.Tensor) -> torch.Tensor:
    apart = features_ND[:, None] - features_ND
    return (-(apart**2).sum(dim=2) / 2).exp()


def balanced(weights_NN: torch.Tensor) -> torch.Tensor:
    root = weights_NN.sum(dim=1).sqrt()
    return weights_NN / (root[:, None] * root)


def brute_force(
    probabilities_Yhw: torch.Tensor, guide_3hw: torch.Tensor, field: CrfSettings
) -> torch.Tensor:
    """Mean field with both kernels summed over all pairs, in float64."""
    rows, columns = np.mgrid[: guide_3hw.shape[1], : guide_3hw.shape[2]]
    places_N2 = torch.from_numpy(np.stack([rows.ravel(), columns.ravel()], axis=1)).double()
    colours_N3 = guide_3hw.flatten(1).mT.double() * 255
    near = balanced(gaussian(places_N2 / field.near))
    far = balanced(gaussian(torch.cat([places_N2 / field.far, colours_N3 / field.colour], dim=1)))
    log_NY = probabilities_Yhw.flatten(1).mT.double().clamp(min=1e-5).log()
    beliefs_NY = log_NY.exp()
    for _ in range(field.iterations):
        agreement_NY = (field.near_weight * near + field.far_weight * far) @ beliefs_NY
        beliefs_NY = (log_NY + agreement_NY).softmax(dim=1)
    return beliefs_NY.mT.reshape(probabilities_Yhw.shape)


@pytest.fixture(scope="module")
def room() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Coarse, noisy probabilities of a room's classes, its picture, and its true classes."""
    data_set = open_dataset(DataConfig(name="rooms", options={"size": SIDE}))
    name = data_set.val.names[0]
    guide = torch.from_numpy(data_set.source.image(name, "rgb").transpose(2, 0, 1).copy())
    label = torch.from_numpy(data_set.source.label(name)).long()
    one_hot_Yhw = torch.nn.functional.one_hot(label, CLASSES).permute(2, 0, 1).float()
    coarse = torch.nn.functional.adaptive_avg_pool2d(one_hot_Yhw, 8)
    coarse = coarse + 0.3 * torch.randn(coarse.shape, generator=torch_generator(0, "noise"))
    scores = torch.nn.functional.interpolate(coarse[None], (SIDE, SIDE), mode="bilinear")
    return (2 * scores[0]).softmax(dim=0), guide, label


def test_the_lattice_gives_nearly_the_beliefs_of_all_pairs(
    room: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> None:
    """The tolerance is the error of a lattice: one pixel in fifty, 0.01 of a probability."""
    probabilities, guide, label = room
    made = refine(probabilities[None], guide[None])[0]
    exact = brute_force(probabilities, guide, CrfSettings())
    assert (made.argmax(dim=0) == exact.argmax(dim=0)).float().mean() > 0.98
    assert (made - exact).abs().mean() < 0.01
    raw = (probabilities.argmax(dim=0) == label).float().mean()
    assert (made.argmax(dim=0) == label).float().mean() > raw + 0.02


def test_the_kernel_of_position_is_exact(
    room: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> None:
    probabilities, guide, _ = room
    field = CrfSettings(far_weight=0.0, near=1.5)
    made = refine(probabilities[None], guide[None], field)[0]
    assert torch.allclose(made.double(), brute_force(probabilities, guide, field), atol=1e-4)


def test_without_weights_nothing_changes(
    room: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> None:
    probabilities, guide, _ = room
    field = CrfSettings(near_weight=0.0, far_weight=0.0)
    made = refine(probabilities[None], guide[None], field)[0]
    assert torch.allclose(made, probabilities, atol=1e-6)


def test_images_of_a_batch_do_not_touch(
    room: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> None:
    probabilities, guide, _ = room
    both = refine(
        torch.stack([probabilities, probabilities.flip(-1)]), torch.stack([guide, guide.flip(-1)])
    )
    assert torch.equal(both[0], refine(probabilities[None], guide[None])[0])
    assert not torch.equal(both[0], both[1])


@pytest.mark.parametrize("features", [1, 2, 3, 5])
def test_each_point_is_the_mean_of_its_corners(features: int) -> None:
    points_ND = torch.randn(50, features, generator=torch_generator(1, "points")) * 3
    keys_NCC, weights_NC = _simplices(points_ND)
    assert weights_NC.min() > -1e-6
    assert torch.allclose(weights_NC.sum(dim=1), torch.ones(50), atol=1e-6)
    assert not keys_NCC.sum(dim=2).any()
    assert (keys_NCC % (features + 1) == torch.arange(features + 1)[:, None]).all()
    middle = (weights_NC[:, :, None] * keys_NCC).sum(dim=1).double()
    assert torch.allclose(middle, points_ND.double() @ _elevation(features).mT, atol=1e-4)


@pytest.mark.parametrize("features", [1, 2, 3])
def test_the_filter_is_nearly_a_gaussian(features: int) -> None:
    """Where points are dense enough for every corner to exist."""
    points_ND = torch.rand(400, features, generator=torch_generator(2, "points")) * 3
    made = Lattice.of(points_ND).filter(torch.eye(400))
    made, exact = (each / each.sum(dim=1, keepdim=True) for each in (made, gaussian(points_ND)))
    assert float(torch.corrcoef(torch.stack([made.flatten(), exact.flatten()]))[0, 1]) > 0.97
    assert (made - exact).abs().sum(dim=1).mean() < 0.12  # of a whole of 1


def test_features_are_in_units_of_deviations() -> None:
    guide = torch.full((3, 2, 3), 6 / 255)
    made = features_of(guide, CrfSettings(far=2.0, colour=3.0))
    assert made.shape == (6, 5)
    assert made[5].tolist() == pytest.approx([1.0, 0.5, 2.0, 2.0, 2.0])
