"""SmooSeg: its terms by hand and restated, its prototypes, and its clusters."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.unit.trainer import restated
from tests.unit.trainer.small import (
    CPU,
    GRID,
    hyper_of,
    small_batch,
    small_config,
    small_dataset_features,
    small_draws,
    small_tensor,
)
from trainer.config.configuration import MethodConfig
from trainer.engine.run import Run
from trainer.engine.slots import Slots
from trainer.errors import ConfigError
from trainer.losses.smoothness import label_logits, prediction_loss, smoothness
from trainer.methods import build_method
from trainer.methods.base import OWN_CENTRES
from trainer.scoring.prediction import codes_of
from trainer.scoring.probes import CENTRES, unit_centres
from trainer.seeds import torch_generator

TOKENS = GRID[0] * GRID[1]
Floats = NDArray[np.float64]


def tensor(values: Any) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def restated_energy(features: Floats, labels: Floats, other: list[int], bias: float) -> float:
    """Mean of (F' - b)(1 - S) over crops (B, T, C) and (B, T, Y), each with another one."""
    close = np.stack([restated.cosines(features[n], features[o]) for n, o in enumerate(other)])
    agree = np.stack([restated.cosines(labels[n], labels[o]) for n, o in enumerate(other)])
    before = close.mean()
    close = close - close.mean(axis=2, keepdims=True)
    close = close - close.mean() + before
    return float(np.mean((close - bias) * (1 - agree)))


def softmax(values: Floats) -> Floats:
    exponents = np.exp(values - values.max(axis=-1, keepdims=True))
    shares: Floats = exponents / exponents.sum(axis=-1, keepdims=True)
    return shares


def restated_silu_head(tokens: Floats, parameters: Any, masks: Floats) -> Floats:
    linear = restated.layer(tokens * masks[0][:, None], parameters, "head.linear")
    hidden = restated.layer(tokens * masks[1][:, None], parameters, "head.hidden")
    code: Floats = linear + restated.layer(
        hidden / (1 + np.exp(-hidden)), parameters, "head.nonlinear"
    )
    return code


def test_two_tokens_by_hand() -> None:
    # features at an angle of 60 degrees, certain labels of different classes. The mean of F over j
    # is 0.75 for both tokens, so centring changes nothing: F' is 1 with itself, else 0.5
    made = smoothness(
        tensor([[[[1.0, 0.0], [0.5, math.sqrt(0.75)]]]]),
        tensor([[[[1.0, 0.0], [0.0, 1.0]]]]),
        partners_SB=torch.tensor([[0]]),
        biases_S2=tensor([[0.1, 0.6]]),
        sample_weight_SB=tensor([[1.0]]),
    )
    assert made[0].tolist() == pytest.approx([2 * (0.5 - 0.1) / 4, 2 * (0.5 - 0.6) / 4])


def test_the_data_loss_of_two_tokens_by_hand() -> None:
    # cosines 1 and 0 with two prototypes; the teacher chooses the first and the second
    logits = label_logits(tensor([[[[3.0, 0.0], [0.2, 0.0]]]]), tensor([[[2.0, 0.0], [0.0, 5.0]]]))
    assert logits.tolist() == [[[[1, 0], [1, 0]]]]
    made = prediction_loss(logits, torch.tensor([[[0, 1]]]), tensor([[1.0]]))
    first, second = -math.log(math.e / (math.e + 1)), -math.log(1 / (math.e + 1))
    assert made.item() == pytest.approx((first + second) / 2)


def test_equal_labels_cost_nothing() -> None:
    made = smoothness(
        small_tensor(1, 3, TOKENS, 6),
        torch.full((1, 3, TOKENS, 4), 0.25, dtype=torch.float64),
        partners_SB=torch.tensor([[1, 2, 0]]),
        biases_S2=tensor([[0.1, 0.6]]),
        sample_weight_SB=torch.full((1, 3), 1 / 3, dtype=torch.float64),
    )
    assert made.abs().max() < 1e-12


def test_padding_changes_nothing() -> None:
    features, labels = small_tensor(1, 4, TOKENS, 6), small_tensor(1, 4, TOKENS, 3, seed=1).exp()
    partners, biases = torch.tensor([[1, 2, 0, 3]]), tensor([[0.1, 0.6]])
    weight = tensor([[1 / 3, 1 / 3, 1 / 3, 0]])

    def loss(count: int) -> torch.Tensor:
        return smoothness(
            features[:, :count],
            labels[:, :count],
            partners_SB=partners[:, :count],
            biases_S2=biases,
            sample_weight_SB=weight[:, :count],
        )

    torch.testing.assert_close(loss(4), loss(3), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_whole_loss_equals_the_restatement(count: int) -> None:
    modalities = ("rgb", "depth", "nir", "aolp")[:count]
    hyper = {
        "b_self": 0.2,
        "b_random": 0.3,
        "temperature": 0.4,
        "lambda_data": 2.0,
        "teacher_rate": 0.01,
    }
    config = small_config(modalities=modalities, name="smooseg", fusion="mean", hyper=hyper)
    method = build_method(config, channels=6, classes=3)
    draws = small_draws(maps=1, masks=method.needs.masks)
    views = method.parameters.views(small_tensor(1, method.parameters.size, seed=2))
    buffers = method.buffers.views(small_tensor(1, method.buffers.size, seed=3))
    tokens = small_tensor(1, count, 4, TOKENS, 6, seed=1)
    made = method.step(views, buffers, small_batch(tokens), hyper_of(config), draws)

    parameters = {name: view[0].numpy() for name, view in views.items()}
    masks = draws.masks_SDNC[0].numpy()[:, :4]
    fused = tokens[0].numpy().mean(axis=0)
    code = restated_silu_head(fused, parameters, masks)
    features = fused * masks[2][:, None] if count == 1 else fused
    teacher, student = buffers[OWN_CENTRES][0].numpy(), parameters["prototypes"]
    logits = np.stack([restated.cosines(each, teacher) for each in code])
    labels = softmax(logits / 0.4)
    other = draws.sources_SMBJ[0, 0, :, 2].tolist()
    chances = softmax(np.stack([restated.cosines(each, student) for each in code]))
    chosen = np.take_along_axis(chances, logits.argmax(axis=-1)[..., None], axis=-1)
    assert {name: term.item() for name, term in made.terms.items()} == pytest.approx(
        {
            "smooth_self": restated_energy(features, labels, [0, 1, 2, 3], 0.2),
            "smooth_random": restated_energy(features, labels, other, 0.3),
            "data": 2.0 * float(np.mean(-np.log(chosen))),
        },
        rel=1e-9,
    )
    np.testing.assert_allclose(made.codes_SBTK[0].numpy(), code, rtol=1e-9)
    np.testing.assert_allclose(
        made.buffers[OWN_CENTRES][0].numpy(), 0.99 * teacher + 0.01 * student, rtol=1e-9
    )


def test_each_part_learns_from_its_own_term() -> None:
    config = small_config(modalities=("rgb",), name="smooseg")
    method = build_method(config, channels=6, classes=3)
    leaf = small_tensor(1, method.parameters.size, seed=2).requires_grad_()
    made = method.step(
        method.parameters.views(leaf),
        method.buffers.views(small_tensor(1, method.buffers.size, seed=3)),
        small_batch(small_tensor(1, 1, 4, TOKENS, 6, seed=1)),
        hyper_of(config),
        small_draws(maps=1, masks=method.needs.masks),
    )
    (data,) = torch.autograd.grad(made.terms["data"].sum(), leaf, retain_graph=True)
    (smooth,) = torch.autograd.grad(made.terms["smooth_self"].sum(), leaf)
    for key, view in method.parameters.views(data).items():
        assert bool(view.abs().max() > 0) is (key == "prototypes"), key
    for key, view in method.parameters.views(smooth).items():
        assert bool(view.abs().max() > 0) is (key != "prototypes"), key


def test_student_and_teacher_start_alike_with_unit_length() -> None:
    method = build_method(small_config(name="smooseg"), channels=6, classes=3)
    drawn = method.parameters.views(method.parameters.initial_row(torch_generator(0))[None])
    buffers = method.buffers.views(method.buffers.initial_row(torch_generator(1))[None])
    parameters, started = method.start(drawn, buffers, lambda: torch.empty(0))
    assert torch.equal(parameters["prototypes"], started[OWN_CENTRES])
    torch.testing.assert_close(
        parameters["prototypes"].norm(dim=-1), torch.ones(1, 3), rtol=1e-6, atol=0
    )


def test_prototypes_learn_at_their_own_rate() -> None:
    moved = {}
    for rate in (1.0, 5.0):
        config = small_config(name="smooseg", prototype_rate=rate)
        slots = Slots.start([config], small_dataset_features(), CPU)
        layout = build_method(config, channels=6, classes=3).parameters
        before = layout.views(slots.state(0)["model.leaf_SP"][None])
        slots.step()
        after = layout.views(slots.state(0)["model.leaf_SP"][None])
        moved[rate] = {name: (after[name] - before[name]).abs().median().item() for name in after}
    assert moved[5.0]["prototypes"] == pytest.approx(5 * moved[1.0]["prototypes"], rel=1e-3)
    assert moved[5.0]["head.linear.weight"] == moved[1.0]["head.linear.weight"]


@pytest.mark.parametrize("clusters", ["prototypes", "probe"])
def test_the_chosen_clusters_segment(clusters: str, tmp_path: Path) -> None:
    dataset_features, config = (
        small_dataset_features(),
        small_config(name="smooseg", clusters=clusters),
    )
    run = Run.start(config, dataset_features, CPU)
    run.advance()
    scored, state = run.scored(), run._slots.state(0)
    own = clusters == "prototypes"
    probe = state["probes.leaf_SP"][: 3 * 4].view(3, 4)
    teacher = state["buffers"].view(3, 4)
    assert torch.equal(scored.probes[CENTRES][0], teacher if own else probe)
    run.save(tmp_path / "run")
    again = Run.restore(tmp_path / "run", config, dataset_features, CPU)
    assert again.evaluate(dataset_features.val) == run.evaluate(dataset_features.val)
    code = codes_of(scored, dataset_features.val.features, ("rgb", "depth"), CPU)
    logits = code @ unit_centres(scored.probes)[0].mT
    assert logits.shape == (5, TOKENS, 3)


@pytest.mark.parametrize("seed", range(4))
def test_labels_are_smooth_within_groups_and_not_everywhere(seed: int) -> None:
    dataset_features = small_dataset_features(crops=8, modalities=("rgb",))
    places = np.eye(3, 6, dtype=np.float32) * 4
    for split in (dataset_features.train, dataset_features.val):
        maps = split.features["rgb"]
        groups = np.arange(maps[..., 0].size).reshape(maps.shape[:-1]) % 3
        maps[:] = places[groups] + maps / 8
    config = small_config(
        modalities=("rgb",),
        name="smooseg",
        dropout=0.0,
        seed=seed,
        training={"learning_rate": 5e-3, "iterations": 200},
    )
    slots = Slots.start([config], dataset_features, CPU)
    for _ in range(200):
        slots.step()
    scored = slots.scored(0)
    code = codes_of(scored, dataset_features.val.features, ("rgb",), CPU)
    clusters = (code @ unit_centres(scored.probes)[0].mT).argmax(dim=-1).flatten().numpy()
    found = [set(clusters[groups.flatten() == group].tolist()) for group in range(3)]
    assert all(len(each) == 1 for each in found)
    assert len(set.union(*found)) >= 2  # which of the prototypes are used depends on the start


def test_a_rate_of_0_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"prototype_rate = 0 is out of range"):
        MethodConfig(name="smooseg", options={"prototype_rate": 0.0})


def test_the_clusters_are_as_many_as_the_classes() -> None:
    config = dataclasses.replace(small_config(name="smooseg"), seed=1)
    for classes in (2, 7):
        method = build_method(config, channels=6, classes=classes)
        (entry,) = [each for each in method.buffers.entries if each.name == OWN_CENTRES]
        assert entry.shape == (classes, 4)
