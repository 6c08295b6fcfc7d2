"""Parameter groups: learning rate, weight decay and clipping, each for its own numbers."""

import math

import pytest
import torch

from trainer.engine.groups import Groups
from trainer.engine.optimiser import AdamState, adam_step
from trainer.nn.parameters import Entry, Group, Layout, linear_entries

CPU = torch.device("cpu")
FAST = Group(rate=5.0)
HELD = Group(decay=0.1, clip=1.0)


def layout_of(**groups: Group) -> Layout:
    """Two numbers per group, with gaps after them."""
    return Layout(
        entries=tuple(
            Entry(name=name, shape=(2,), initial="constant", scale=1.0, group=group)
            for name, group in groups.items()
        )
    ).spaced()


def fresh(layout: Layout, slots: int = 1) -> AdamState:
    row = layout.initial_row(torch.Generator())
    return AdamState.fresh(row.repeat(slots, 1))


def gradient_of(layout: Layout, **values: list[list[float]]) -> torch.Tensor:
    return layout.leaf({name: torch.tensor(rows) for name, rows in values.items()})


def test_plain_groups_are_plain_adam_to_the_bit() -> None:
    layout = layout_of(one=Group(), two=Group())
    gradient = gradient_of(layout, one=[[0.3, -2.0]], two=[[5.0, 0.0]])
    rate = torch.tensor([[1e-2]])
    made, _ = Groups.of(layout, CPU).step(fresh(layout), gradient, rate_S1=rate)
    plain, _ = adam_step(fresh(layout), gradient, learning_rate_S1=rate)
    assert torch.equal(made.leaf_SP, plain.leaf_SP)


def test_each_group_has_its_rate() -> None:
    layout = layout_of(slow=Group(), fast=FAST)
    gradient = gradient_of(layout, slow=[[1.0, 1.0]], fast=[[1.0, 1.0]])
    made, _ = Groups.of(layout, CPU).step(fresh(layout), gradient, rate_S1=torch.tensor([[1e-2]]))
    views = layout.views(made.leaf_SP)
    assert views["slow"].flatten().tolist() == pytest.approx([0.99, 0.99])  # the first Adam step
    assert views["fast"].flatten().tolist() == pytest.approx([0.95, 0.95])


def test_weight_decay_is_that_of_adamw() -> None:
    layout = layout_of(held=Group(rate=2.0, decay=0.1), free=Group())
    model = [torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2))]
    optimiser = torch.optim.AdamW(
        [
            {"params": model[:1], "lr": 2e-2, "weight_decay": 0.1},
            {"params": model[1:], "lr": 1e-2, "weight_decay": 0.0},
        ]
    )
    groups, state = Groups.of(layout, CPU), fresh(layout)
    for step in range(5):
        values = [[0.5 - 0.2 * step, 3.0]]
        gradient = gradient_of(layout, held=values, free=values)
        state, _ = groups.step(state, gradient, rate_S1=torch.tensor([[1e-2]]))
        for each in model:
            each.grad = torch.tensor(values[0])
        optimiser.step()
    views = layout.views(state.leaf_SP)
    torch.testing.assert_close(views["held"][0], model[0].detach())
    torch.testing.assert_close(views["free"][0], model[1].detach())


def test_clipping_shortens_the_groups_gradient_alone() -> None:
    layout = layout_of(held=HELD, also=HELD, free=Group())
    gradient = gradient_of(
        layout,
        held=[[3.0, 0.0], [0.3, 0.0]],
        also=[[0.0, 4.0], [0.0, 0.4]],
        free=[[30.0, 0.0], [30.0, 0.0]],
    )
    clipped = layout.views(Groups.of(layout, CPU)._clipped(gradient))
    assert clipped["held"][0].tolist() == pytest.approx([0.6, 0], rel=1e-5)
    assert clipped["also"][0].tolist() == pytest.approx([0, 0.8], rel=1e-5)
    assert clipped["held"][1].tolist() == pytest.approx([0.3, 0])  # short enough
    assert clipped["free"].tolist() == [[30.0, 0.0], [30.0, 0.0]]


def test_slots_do_not_depend_on_each_other() -> None:
    layout = layout_of(held=HELD, fast=FAST)
    gradient = torch.randn(3, layout.width, generator=torch.Generator().manual_seed(0))
    rate, groups = torch.tensor([[1e-2], [1e-3], [1e-1]]), Groups.of(layout, CPU)
    together, _ = groups.step(fresh(layout, 3), gradient, rate_S1=rate)
    for slot in range(3):
        own = slice(slot, slot + 1)
        alone, _ = groups.step(fresh(layout), gradient[own], rate_S1=rate[own])
        assert torch.equal(alone.leaf_SP, together.leaf_SP[own])


def test_layers_take_a_group() -> None:
    weight, bias = linear_entries("layer", inputs=4, outputs=2, group=FAST)
    assert (weight.group, bias.group) == (FAST, FAST)
    assert weight.scale == bias.scale == 1 / math.sqrt(4)
