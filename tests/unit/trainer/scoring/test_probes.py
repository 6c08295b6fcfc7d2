"""Probe losses against torch's own, and their values without labelled pixels."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from tests.unit.trainer.small import GRID, small_tensor
from trainer.errors import ConfigError
from trainer.nn.interpolation import upsample
from trainer.nn.parameters import Views
from trainer.scoring.pixel_loss import pixel_losses
from trainer.scoring.probes import cluster_loss, linear_loss, probe_layout, token_labels

TOKENS = GRID[0] * GRID[1]
ALL = torch.ones(2, 3, dtype=torch.bool)


def test_more_clusters_than_predictions_tell_apart_are_refused_in_one_line() -> None:
    probe_layout(code_dim=4, classes=3, extra_clusters=252)
    with pytest.raises(ConfigError, match="extra_clusters = 253 are 256 clusters") as caught:
        probe_layout(code_dim=4, classes=3, extra_clusters=253)
    assert "\n" not in str(caught.value) and "at most 252 extra" in str(caught.value)


def make() -> tuple[Views, torch.Tensor]:
    layout = probe_layout(code_dim=4, classes=3)
    return layout.views(small_tensor(2, layout.size)), small_tensor(2, 3, TOKENS, 4, seed=1)


def labels(height: int, width: int) -> torch.Tensor:
    drawn = np.random.default_rng(0).choice([0, 1, 2, 255], size=(2, 3, height, width))
    return torch.from_numpy(drawn.astype(np.uint8))


def test_cluster_loss_is_the_nearest_cosine() -> None:
    views, codes = make()
    share = torch.full((2, 3), 1 / 3, dtype=torch.float64)
    for slot, loss in enumerate(cluster_loss(codes, views, share)):
        cosines = functional.cosine_similarity(
            codes[slot].reshape(-1, 1, 4), views["cluster.centres"][slot][None], dim=-1
        )
        assert float(loss) == pytest.approx(-float(cosines.max(dim=1).values.mean()))


@pytest.mark.parametrize("size", [(12, 15), GRID])
def test_linear_loss_is_the_mean_over_labelled_positions(size: tuple[int, int]) -> None:
    views, codes = make()
    given = labels(*size)
    made = linear_loss(codes, views, given, grid=GRID, present_SB=ALL)
    for slot, loss in enumerate(made):
        weight, bias = views["linear.weight"][slot], views["linear.bias"][slot]
        logits = torch.unflatten((codes[slot] @ weight.T + bias).permute(0, 2, 1), 2, GRID)
        pixels = functional.interpolate(logits, size=size, mode="bilinear", align_corners=False)
        expected = functional.cross_entropy(pixels, given[slot].long(), ignore_index=255)
        assert float(loss) == pytest.approx(float(expected), rel=1e-9)


def test_a_batch_without_labels_gives_no_nan() -> None:
    views, codes = make()
    weight = views["linear.weight"].clone().requires_grad_()
    given = labels(12, 15)
    given[0] = 255
    loss = linear_loss(codes, {**views, "linear.weight": weight}, given, grid=GRID, present_SB=ALL)
    torch.autograd.backward(loss.sum())
    assert float(loss[0].detach()) == 0 and float(loss[1].detach()) > 0
    assert weight.grad is not None and weight.grad.isfinite().all()


def test_padding_does_not_affect_training() -> None:
    views, codes = make()
    given = labels(12, 15)
    present = torch.tensor([[True, True, False]] * 2)
    short = linear_loss(codes[:, :2], views, given[:, :2], grid=GRID, present_SB=ALL[:, :2])
    padded = linear_loss(codes, views, given, grid=GRID, present_SB=present)
    torch.testing.assert_close(padded, short)


def test_token_labels_are_those_at_token_centres() -> None:
    pixels = np.arange(64, dtype=np.uint8).reshape(1, 8, 8)
    np.testing.assert_array_equal(token_labels(pixels, (2, 2))[0], [[18, 22], [50, 54]])


@pytest.mark.parametrize("size", [(4, 5), (7, 9), (16, 20), (33, 41)])
def test_upsampling_is_that_of_torch(size: tuple[int, int]) -> None:
    maps = small_tensor(2, 3, *GRID)
    expected = functional.interpolate(maps, size=size, mode="bilinear", align_corners=False)
    torch.testing.assert_close(upsample(maps, size), expected)


def test_the_pixel_losses_have_the_gradient_of_autograd() -> None:
    maps = 30 * small_tensor(5, 3, *GRID).requires_grad_()
    given = labels(12, 15).flatten(0, 1)[:5]
    weights = small_tensor(5, seed=3)
    losses = pixel_losses(maps, given)
    pixels = functional.interpolate(maps, size=(12, 15), mode="bilinear", align_corners=False)
    expected = functional.cross_entropy(pixels, given.long(), ignore_index=255, reduction="none")
    expected = expected.flatten(1).sum(dim=1)
    torch.testing.assert_close(losses, expected)
    ours, theirs = (
        torch.autograd.grad((each * weights).sum(), maps)[0] for each in (losses, expected)
    )
    torch.testing.assert_close(ours, theirs)


def test_huge_logits_give_finite_losses() -> None:
    maps = torch.zeros(1, 3, *GRID)
    maps[:, 0] = 1e30
    losses = pixel_losses(maps, torch.zeros(1, 8, 10, dtype=torch.uint8))
    assert float(losses) == 0
