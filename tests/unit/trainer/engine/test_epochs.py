"""An epoch visits every crop once and keeps its short batch; a state restores the same draws."""

import pytest
import torch

from trainer.engine.epochs import SlotDraws
from trainer.losses.draws import DrawPlan
from trainer.seeds import torch_generator


def source(seed: int = 0, *, crops: int = 10, batch: int = 4) -> SlotDraws:
    plan = DrawPlan(
        batch=batch, ranks=3, maps=2, points=9, random_draws=5, masks=3, channels=50, dropout=0.1
    )
    return SlotDraws(plan, crops=crops, generator=torch_generator(seed, "draws"))


def test_an_epoch_has_every_crop_once_and_keeps_its_short_batch() -> None:
    draws = source()
    for _ in range(3):
        seen, sizes = [], []
        for _ in range(3):
            step = draws.step()
            present = step.sample_weight_SB > 0
            sizes.append(int(present.sum()))
            seen += step.queries_SB[present].tolist()
            assert float(step.sample_weight_SB.sum()) == pytest.approx(1)
        assert sizes == [4, 4, 2]
        assert sorted(seen) == list(range(10))


def test_epochs_differ_in_order() -> None:
    draws = source(crops=8, batch=8)
    assert draws.step().queries_SB.tolist() != draws.step().queries_SB.tolist()


def test_a_restored_state_continues_with_the_same_numbers() -> None:
    draws, other = source(), source(seed=1)
    draws.step()
    other.restore(draws.state())
    for _ in range(4):
        one, two = draws.step(), other.step()
        assert torch.equal(one.queries_SB, two.queries_SB)
        assert torch.equal(one.coordinates_SM2BQ2, two.coordinates_SM2BQ2)


def test_a_state_is_not_changed_by_later_draws() -> None:
    draws = source()
    draws.step()
    state = {name: tensor.clone() for name, tensor in draws.state().items()}
    kept = draws.state()
    draws.step()
    assert all(torch.equal(state[name], kept[name]) for name in state)
