"""Draws: proper permutations, whole epochs, honest masks, and a state that goes on."""

from typing import Any

import pytest
import torch

from trainer.engine.draws import DrawPlan, SlotDraws, cycles
from trainer.seeds import torch_generator


def plan(**changes: Any) -> DrawPlan:
    settings = {
        "crops": 10, "batch": 4, "ranks": 3, "maps": 2, "points": 9,
        "random_draws": 5, "masks": 3, "channels": 50, "dropout": 0.1,
    }  # fmt: skip
    return DrawPlan(**{**settings, **changes})


def source(seed: int = 0, **changes: Any) -> SlotDraws:
    return SlotDraws(plan(**changes), torch_generator(seed, "draws"))


@pytest.mark.parametrize("present", [2, 3, 8])
def test_permutations_are_proper_and_meet_nobody_themselves(present: int) -> None:
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


def test_ties_are_no_fault() -> None:
    permutations = cycles(torch.zeros(1, 1, 6), 6)
    assert sorted(permutations[0, 0].tolist()) == list(range(6))
    assert (permutations[0, 0] != torch.arange(6)).all()


def test_an_epoch_has_every_crop_once_and_keeps_its_short_batch() -> None:
    draws = source()
    for _ in range(3):
        seen, sizes = [], []
        for _ in range(3):
            step = draws.step()
            present = step.share_SB > 0
            sizes.append(int(present.sum()))
            seen += step.anchors_SB[present].tolist()
            assert float(step.share_SB.sum()) == pytest.approx(1)
        assert sizes == [4, 4, 2]
        assert sorted(seen) == list(range(10))


def test_epochs_differ_in_order() -> None:
    draws = source(crops=8, batch=8)
    assert draws.step().anchors_SB.tolist() != draws.step().anchors_SB.tolist()


def test_groups_are_self_partner_and_others() -> None:
    sources = source(crops=8).step().sources_SMBJ
    assert sources.shape == (2, 4, 7)
    assert torch.equal(sources[:, :, 0], torch.arange(4).expand(2, 4))
    assert torch.equal(sources[:, :, 1], torch.arange(4, 8).expand(2, 4))
    assert (sources[:, :, 2:] < 4).all()
    assert (sources[:, :, 2:] != torch.arange(4)[:, None]).all()


def test_coordinates_fill_the_square_and_differ_between_maps() -> None:
    coordinates = source(points=2500).step().coordinates_SM2BQ2
    assert coordinates.shape == (2, 2, 4, 2500, 2)
    assert coordinates.min() >= -1 and coordinates.max() <= 1
    assert coordinates.abs().mean() == pytest.approx(0.5, abs=0.01)
    assert not torch.equal(coordinates[0], coordinates[1])


def test_masks_drop_whole_channels_and_keep_the_mean() -> None:
    masks = source(channels=5000).step().masks_SDNC
    assert masks.shape == (3, 8, 5000)
    assert sorted(set(masks.flatten().tolist())) == [0, pytest.approx(1 / 0.9)]
    assert masks.mean() == pytest.approx(1, abs=0.01)
    assert not torch.equal(masks[0], masks[1]) and not torch.equal(masks[0, 0], masks[0, 1])


def test_ranks_are_those_allowed() -> None:
    draws = source()
    ranks = torch.cat([draws.step().ranks_SB for _ in range(50)])
    assert set(ranks.tolist()) == {0, 1, 2}


def test_the_state_goes_on_with_the_same_numbers() -> None:
    draws, other = source(), source(seed=1)
    draws.step()
    other.restore(draws.state())
    for _ in range(4):
        one, two = draws.step(), other.step()
        assert torch.equal(one.anchors_SB, two.anchors_SB)
        assert torch.equal(one.coordinates_SM2BQ2, two.coordinates_SM2BQ2)


def test_a_state_is_not_moved_by_later_draws() -> None:
    draws = source()
    draws.step()
    state = {name: tensor.clone() for name, tensor in draws.state().items()}
    kept = draws.state()
    draws.step()
    assert all(torch.equal(state[name], kept[name]) for name in state)
