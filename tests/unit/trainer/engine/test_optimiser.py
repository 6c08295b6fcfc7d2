"""Adam equals torch's Adam and rejects updates that are not finite."""

import pytest
import torch

from tests.unit.trainer.small import small_tensor
from trainer.engine.optimiser import AdamState, adam_step


def test_equals_torch_adam() -> None:
    leaf = small_tensor(2, 5)
    theirs = torch.nn.Parameter(leaf.clone())
    optimiser = torch.optim.Adam([theirs], lr=0.01)
    state, rate = AdamState.fresh(leaf), torch.full((2, 1), 0.01, dtype=torch.float64)
    for number in range(10):
        gradient = small_tensor(2, 5, seed=number)
        theirs.grad = gradient.clone()
        optimiser.step()
        state, _ = adam_step(state, gradient, learning_rate_S1=rate)
    torch.testing.assert_close(state.leaf_SP, theirs.detach(), rtol=1e-12, atol=1e-14)


def test_each_slot_has_its_own_learning_rate() -> None:
    state = AdamState.fresh(torch.zeros(2, 1))
    moved, _ = adam_step(state, torch.ones(2, 1), learning_rate_S1=torch.tensor([[0.1], [0.2]]))
    torch.testing.assert_close(moved.leaf_SP, torch.tensor([[-0.1], [-0.2]]))


@pytest.mark.parametrize("fault", [float("nan"), float("inf"), 1e30])
def test_a_non_finite_update_leaves_its_slot_unchanged(fault: float) -> None:
    rate = torch.full((2, 1), 0.01)
    state, _ = adam_step(
        AdamState.fresh(torch.ones(2, 3)), torch.ones(2, 3), learning_rate_S1=rate
    )
    gradient = torch.ones(2, 3)
    gradient[0, 1] = fault  # 1e30 squared overflows the second moment
    after, finite = adam_step(state, gradient, learning_rate_S1=rate)
    assert finite.tolist() == [[False], [True]]
    for name in ("leaf_SP", "first_SP", "second_SP", "steps_S1"):
        old, new = getattr(state, name), getattr(after, name)
        assert torch.equal(old[0], new[0])
        assert not torch.equal(old[1], new[1])
