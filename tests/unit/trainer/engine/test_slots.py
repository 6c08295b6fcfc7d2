"""Runs trained together equal the same runs trained alone, bit for bit."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch

from tests.unit.trainer.packing import PackedAndAlone, same_tensors
from tests.unit.trainer.small import CPU, small_config, small_dataset_features
from trainer.config.configuration import TrainConfig
from trainer.engine.slots import Slots
from trainer.errors import ConfigError
from trainer.methods import METHODS


def configs(count: int = 3, **method: Any) -> list[TrainConfig]:
    base = [
        small_config(seed=seed, hyper={"lambda_self": 0.1 * seed, "b_knn": 0.2 * seed}, **method)
        for seed in range(count)
    ]
    return [
        dataclasses.replace(
            each, training=dataclasses.replace(each.training, learning_rate=1e-3 * (1 + each.seed))
        )
        for each in base
    ]


@pytest.mark.parametrize(
    "method",
    [{}, {"fusion": "ladder"}, {"fusion": "max", "cmh": "shared"}, {"name": "stego"}],
)
@pytest.mark.usefixtures("one_thread")
def test_together_equals_alone(method: dict[str, Any]) -> None:
    runs = PackedAndAlone(configs(**method), small_dataset_features())
    runs.step(7)  # more than two epochs of three batches, the last of which is short
    runs.assert_equal()


@pytest.mark.usefixtures("one_thread")
def test_slots_at_different_positions_in_their_epochs_train_together() -> None:
    dataset_features, settings = small_dataset_features(), configs(2)
    ahead = Slots.start([settings[0]], dataset_features, CPU)
    for _ in range(2):
        ahead.step()
    together = Slots.start(settings, dataset_features, CPU)
    together.restore(0, ahead.state(0))
    fresh = Slots.start([settings[1]], dataset_features, CPU)
    for slots in (together, ahead, fresh) * 4:
        slots.step()
    assert same_tensors(together.state(0), ahead.state(0))
    assert same_tensors(together.state(1), fresh.state(0))


@pytest.mark.usefixtures("one_thread")
def test_schedules_end_at_the_last_evaluation() -> None:
    """Epochs of three batches: 14 iterations end after 12, as 12 do."""
    base = small_config(name="primaps", base="stego", begin=0.5)
    evaluation = dataclasses.replace(base.evaluation, cadence="epoch")
    states = []
    for iterations in (12, 14):
        training = dataclasses.replace(base.training, iterations=iterations)
        config = dataclasses.replace(base, training=training, evaluation=evaluation)
        slots = Slots.start([config], small_dataset_features(), CPU)
        for _ in range(8):
            slots.step()
        states.append(slots.state(0))
    assert same_tensors(*states)


def test_different_seeds_give_different_runs() -> None:
    dataset_features = small_dataset_features()
    one, other = (
        Slots.start([small_config(seed=seed)], dataset_features, CPU).state(0) for seed in (0, 1)
    )
    assert not torch.equal(one["model.leaf_SP"], other["model.leaf_SP"])


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("fusion", ["conv", "ladder", "max"])
def test_a_step_does_not_synchronise_with_the_device(name: str, fusion: str) -> None:
    # tensors on the meta device hold no numbers, so reading one or mixing devices fails
    config = small_config(name=name, fusion=fusion)
    slots = Slots.start([config] * 2, small_dataset_features(), torch.device("meta"))
    slots.step()
    slots.step((1,))
    with pytest.raises(RuntimeError, match="meta"):
        slots.take_loss(0)


def test_a_step_changes_model_and_probes() -> None:
    dataset_features = small_dataset_features()
    slots = Slots.start([small_config()], dataset_features, CPU)
    before = slots.state(0)
    slots.step()
    after = slots.state(0)
    for name in ("model.leaf_SP", "probes.leaf_SP"):
        assert not torch.equal(before[name], after[name])
    assert float(after["model.steps_S1"]) == 1


def test_a_non_finite_target_changes_no_parameter_and_is_reported() -> None:
    # one batch per epoch, so that every step uses the faulty crop
    dataset_features = small_dataset_features(crops=4)
    slots = Slots.start([small_config()], dataset_features, CPU)
    slots.step()
    assert slots.take_loss(0)[1] is True
    before = slots.state(0)
    dataset_features.train.features["depth"][2, 1, 1, 0] = np.nan
    slots.step()
    after = slots.state(0)
    for name in before:
        if name.startswith("model.") or name == "buffers":
            assert torch.equal(before[name], after[name]), name
    loss, finite = slots.take_loss(0)
    assert math.isnan(loss) and finite is False
    dataset_features.train.features["depth"][2, 1, 1, 0] = 0
    slots.step()
    assert slots.take_loss(0)[1] is True


@pytest.mark.usefixtures("one_thread")
def test_a_fault_in_one_slot_does_not_affect_another() -> None:
    dataset_features = small_dataset_features(crops=9)
    dataset_features.train.features["rgb"][3] = np.inf
    runs = PackedAndAlone(configs(2), dataset_features)
    together, faults = runs.together, []
    for _ in range(3):
        runs.step(1)
        faults.append([not together.take_loss(slot)[1] for slot in range(2)])
    assert any(one != other for one, other in faults)  # they draw the crop at different steps
    for slot, slots in enumerate(runs.alone):
        assert torch.equal(together.state(slot)["model.leaf_SP"], slots.state(0)["model.leaf_SP"])
        assert together.state(slot)["model.leaf_SP"].isfinite().all()


def test_features_of_other_modalities_are_refused() -> None:
    with pytest.raises(ConfigError, match="prepare the features"):
        Slots.start([small_config(modalities=("rgb",))], small_dataset_features(), CPU)


def test_a_state_and_the_slots_do_not_change_each_other() -> None:
    slots = Slots.start([small_config(fusion="ladder")], small_dataset_features(), CPU)
    slots.step()
    state = slots.state(0)
    before = {name: tensor.clone() for name, tensor in state.items()}
    slots.step()
    assert same_tensors(state, before)
    assert not same_tensors(slots.state(0), before)
    for tensor in state.values():
        tensor.zero_()  # must not change the slots
    slots.step()
    assert slots.state(0)["model.leaf_SP"].any() and slots.take_loss(0)[0] > before["loss_sum"]
