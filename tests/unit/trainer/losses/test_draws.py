"""Draws of a step: proper permutations, coordinates, ranks and masks."""

import dataclasses

import pytest
import torch

from trainer.losses.draws import DrawPlan, StepDraws, cycles
from trainer.seeds import torch_generator

PLAN = DrawPlan(
    batch=4, ranks=3, maps=2, points=9, random_draws=5, masks=3, channels=50, dropout=0.1
)  # fmt: skip


def draw(**changes: int) -> StepDraws:
    plan = dataclasses.replace(PLAN, **changes)  # type: ignore[arg-type]
    return plan.draw(torch.arange(4), torch_generator(0))


@pytest.mark.parametrize("present", [2, 3, 8])
def test_permutations_are_proper_and_have_no_fixed_points(present: int) -> None:
    uniform = torch.rand(200, 5, 8, generator=torch_generator(0))
    permutations = cycles(uniform, present)
    own = torch.arange(8)
    assert torch.equal(permutations.sort(dim=-1).values, own.expand(200, 5, 8))
    assert (permutations[..., :present] != own[:present]).all()
    assert (permutations[..., present:] == own[present:]).all()


def test_every_other_crop_is_met_equally_often() -> None:
    permutations = cycles(torch.rand(20_000, 1, 4, generator=torch_generator(0)), 4)
    met = torch.bincount(permutations[:, 0, 0], minlength=4) / 20_000
    torch.testing.assert_close(met, torch.tensor([0, 1 / 3, 1 / 3, 1 / 3]), atol=0.02, rtol=0)


def test_a_single_crop_meets_itself() -> None:
    assert cycles(torch.rand(1, 1, 1), 1).tolist() == [[[0]]]


def test_ties_are_allowed() -> None:
    permutations = cycles(torch.zeros(1, 1, 6), 6)
    assert sorted(permutations[0, 0].tolist()) == list(range(6))
    assert (permutations[0, 0] != torch.arange(6)).all()


def test_groups_are_self_positive_and_others() -> None:
    sources = draw().sources_SMBJ
    assert sources.shape == (2, 4, 7)
    assert torch.equal(sources[:, :, 0], torch.arange(4).expand(2, 4))
    assert torch.equal(sources[:, :, 1], torch.arange(4, 8).expand(2, 4))
    assert (sources[:, :, 2:] < 4).all()
    assert (sources[:, :, 2:] != torch.arange(4)[:, None]).all()


def test_coordinates_fill_the_square_and_differ_between_maps() -> None:
    coordinates = draw(points=2500).coordinates_SM2BQ2
    assert coordinates.shape == (2, 2, 4, 2500, 2)
    assert coordinates.min() >= -1 and coordinates.max() <= 1
    assert coordinates.abs().mean() == pytest.approx(0.5, abs=0.01)
    assert not torch.equal(coordinates[0], coordinates[1])


def test_masks_drop_whole_channels_and_keep_the_mean() -> None:
    masks = draw(channels=5000).masks_SDNC
    assert masks.shape == (3, 8, 5000)
    assert sorted(set(masks.flatten().tolist())) == [0, pytest.approx(1 / 0.9)]
    assert masks.mean() == pytest.approx(1, abs=0.01)
    assert not torch.equal(masks[0], masks[1]) and not torch.equal(masks[0, 0], masks[0, 1])


def test_ranks_are_those_allowed() -> None:
    generator = torch_generator(0)
    ranks = torch.cat([PLAN.draw(torch.arange(4), generator).ranks_SB for _ in range(50)])
    assert set(ranks.tolist()) == {0, 1, 2}


def test_missing_queries_are_padding_without_weight() -> None:
    drawn = PLAN.draw(torch.tensor([7, 2, 5]), torch_generator(0))
    assert drawn.queries_SB.tolist() == [7, 2, 5, 7]
    assert drawn.sample_weight_SB.tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0])
    assert (drawn.sources_SMBJ[:, 3, 2:] == 3).all()


def test_numbers_for_each_token_leave_the_other_draws_as_they_are() -> None:
    plain, more = draw(), draw(uniform=2, tokens=7)
    assert plain.uniform_SEBT.numel() == 0 and more.uniform_SEBT.shape == (2, 4, 7)
    assert 0 <= more.uniform_SEBT.min() and more.uniform_SEBT.max() < 1
    assert len({*more.uniform_SEBT.flatten().tolist()}) > 50
    for name in ("ranks_SB", "sources_SMBJ", "coordinates_SM2BQ2", "masks_SDNC"):
        assert torch.equal(getattr(plain, name), getattr(more, name))
