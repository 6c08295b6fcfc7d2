"""Merged layers against the layers one after the other."""

import pytest
import torch
from torch import Tensor

from tests.unit.trainer.small import GRID, small_tensor
from trainer.fusions.base import Fusion
from trainer.fusions.convolution import ConvolutionFusion
from trainer.model import Encoder
from trainer.nn.parameters import Layout

CHANNELS = 8


def fused(
    monkeypatch: pytest.MonkeyPatch, *, merged: bool, dtype: torch.dtype, **changes: object
) -> tuple[Tensor, Tensor]:
    """The fused map of two slots, and the gradient of its weighted sum."""
    settings = {"modalities": 3, "channels": CHANNELS, "fusion": "conv", "msn": True}
    encoder = Encoder(**{**settings, "pre_norm": "l2", **changes})  # type: ignore[arg-type]
    with monkeypatch.context() as patched:
        if not merged:
            patched.setattr(ConvolutionFusion, "first_layer", Fusion.first_layer)
        layout = Layout(entries=encoder.entries())
        leaf = small_tensor(2, layout.size, seed=1).to(dtype).requires_grad_()
        tokens = small_tensor(2, 3, 4, GRID[0] * GRID[1], CHANNELS).to(dtype)
        made = encoder(tokens, layout.views(leaf), {})
        weights = small_tensor(*made.shape, seed=2).to(dtype)
        (gradient,) = torch.autograd.grad((made * weights).sum(), leaf)
    return made.detach(), gradient


@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-13), (torch.float32, 1e-5)])
def test_equal_but_for_rounding(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, error: float
) -> None:
    made = fused(monkeypatch, merged=True, dtype=dtype)
    plain = fused(monkeypatch, merged=False, dtype=dtype)
    exact = fused(monkeypatch, merged=False, dtype=torch.float64)
    for one, other, reference in zip(made, plain, exact, strict=True):
        assert not torch.equal(one, other), "both were computed in the same way"
        assert (one.double() - reference).abs().max() <= error * reference.abs().max()


@pytest.mark.parametrize("changes", [{"pre_norm": "none"}, {"residual": True}, {"msn": False}])
def test_other_networks_are_not_merged(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, object]
) -> None:
    made = fused(monkeypatch, merged=True, dtype=torch.float64, **changes)
    plain = fused(monkeypatch, merged=False, dtype=torch.float64, **changes)
    assert torch.equal(made[0], plain[0]) and torch.equal(made[1], plain[1])


def test_a_token_without_length_gives_no_nan() -> None:
    encoder = Encoder(modalities=2, channels=CHANNELS, fusion="conv", msn=True, pre_norm="l2")
    layout = Layout(entries=encoder.entries())
    leaf = torch.zeros(1, layout.size, requires_grad=True)
    made = encoder(torch.ones(1, 2, 1, 3, CHANNELS), layout.views(leaf), {})
    (gradient,) = torch.autograd.grad(made.sum(), leaf)
    assert made.isfinite().all() and gradient.isfinite().all()
