"""The linear layer's hand-written gradient, for every stack it is used with."""

import pytest
import torch
from torch.nn import functional

from tests.unit.trainer.small import small_tensor
from trainer.nn.linear import linear


@pytest.mark.parametrize("stack", [(1,), (2,), (2, 3)])
@pytest.mark.parametrize("relu", [False, True])
def test_equals_torch_and_finite_differences(stack: tuple[int, ...], relu: bool) -> None:
    inputs, weight, bias = (
        small_tensor(*stack, *shape, seed=seed).requires_grad_()
        for seed, shape in enumerate([(4, 5, 3), (2, 3), (2,)])
    )

    def layer(inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return linear(inputs, {"a.weight": weight, "a.bias": bias}, "a", relu=relu)

    made = layer(inputs, weight, bias)
    for member in torch.cartesian_prod(*(torch.arange(size) for size in stack)).view(
        -1, len(stack)
    ):
        at = tuple(member.tolist())
        expected = functional.linear(inputs[at], weight[at], bias[at])
        torch.testing.assert_close(made[at], expected.relu() if relu else expected)
    assert torch.autograd.gradcheck(layer, (inputs, weight, bias))


def test_inputs_shared_by_the_members_gather_their_gradients() -> None:
    inputs, weight, bias = (
        small_tensor(*shape) for shape in ((1, 1, 4, 3), (1, 2, 2, 3), (1, 2, 2))
    )
    views = {"a.weight": weight, "a.bias": bias}
    assert torch.autograd.gradcheck(
        lambda given: linear(given.expand(1, 2, 4, 3), views, "a"), inputs.requires_grad_()
    )
