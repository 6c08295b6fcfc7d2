"""Unit vectors against torch's, their gradient by finite differences."""

import pytest
import torch
from torch.nn import functional

from tests.unit.trainer.small import small_tensor
from trainer.nn.unit import unit


def test_equals_normalize_with_its_gradient() -> None:
    ours, theirs = (small_tensor(4, 5, 3).requires_grad_() for _ in range(2))
    weights = small_tensor(4, 5, 3, seed=1)
    torch.autograd.backward((unit(ours, epsilon=1e-8) * weights).sum())
    torch.autograd.backward((functional.normalize(theirs, dim=-1, eps=1e-8) * weights).sum())
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("scale", [1.0, 1e-3])  # below epsilon the divisor is constant
def test_gradient_by_finite_differences(scale: float) -> None:
    vectors = (scale * small_tensor(4, 3)).requires_grad_()
    assert torch.autograd.gradcheck(lambda given: unit(given, epsilon=0.1), vectors)


def test_a_zero_vector_has_a_finite_gradient() -> None:
    vectors = torch.zeros(2, 3, requires_grad=True)
    torch.autograd.backward(unit(vectors, epsilon=1e-8).sum())
    assert vectors.grad is not None and vectors.grad.isfinite().all()
