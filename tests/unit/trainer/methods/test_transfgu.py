"""TransFGU: pseudo labels by hand and by numbers, its decoder restated, and its students."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.unit.trainer import restated
from tests.unit.trainer.packing import PackedAndAlone
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
from trainer.losses.pseudo_labels import (
    bootstrap_losses,
    class_maps,
    cluster_windows,
    normed_maps,
    window_means,
)
from trainer.methods import build_method
from trainer.methods.base import OWN_CENTRES
from trainer.scoring.prediction import codes_of, predict
from trainer.scoring.probes import CENTRES

TOKENS = GRID[0] * GRID[1]
Floats = NDArray[np.float64]
MODALITIES = ("rgb", "depth")


def tensor(values: Any) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


# Stage 1: classes from windows.


def test_windows_of_ten_tokens_a_side() -> None:
    features = small_tensor(2, 10, 10, 3)
    means = window_means(features)
    # sides 5, 4, 3 and 2, each half a side apart, at 2, 2, 1 and 1 tokens
    assert len(means) == 2 * (3 * 3 + 4 * 4 + 8 * 8 + 9 * 9)
    torch.testing.assert_close(means[1], features[0, :5, 2:7].mean(dim=(0, 1)))


def test_windows_of_separate_groups_are_the_classes() -> None:
    groups = tensor([[5.0, 0, 0], [0, 5, 0], [0, 0, 5]])
    points = groups.repeat(20, 1) + small_tensor(60, 3) / 10
    found = cluster_windows(points, tensor([0.1, 0.5, 0.9]))
    nearest = torch.cdist(groups, found).min(dim=1)
    assert sorted(nearest.indices.tolist()) == [0, 1, 2] and nearest.values.max() < 0.2


# Stage 2: maps of the classes.


def test_the_gradient_of_the_maps_equals_that_of_autograd() -> None:
    features, centres = small_tensor(1, TOKENS, 6) + 0.5, small_tensor(3, 6, seed=1)
    share = torch.full((TOKENS,), 1 / TOKENS, dtype=torch.float64, requires_grad=True)
    mean = share @ features[0]
    made = class_maps(features, centres)[0]
    for which, centre in enumerate(centres):
        cosine = torch.cosine_similarity(mean, centre, dim=0)
        (gradient,) = torch.autograd.grad(cosine, share, retain_graph=True)
        assert torch.equal(made[:, which] > 0, gradient >= 0)
        more = made[:, which] - 1
        kept = more > 0
        torch.testing.assert_close(more[kept], gradient[kept], rtol=1e-9, atol=1e-12)
        # the largest ones, and only as many as make up four fifths of all
        positive, smallest = gradient.clamp(min=0), gradient[kept].min()
        assert gradient[~kept].max() <= smallest
        assert positive[kept].sum() >= 0.8 * positive.sum()
        assert positive[kept].sum() - smallest < 0.8 * positive.sum()


def test_maps_are_normed_over_all_classes_of_a_crop() -> None:
    made = normed_maps(tensor([[[1.0, 3.0], [2.0, 5.0]], [[0.0, 0.0], [0.0, 4.0]]]))
    assert made.tolist() == [[[0, 0.5], [0.25, 1]], [[0, 0], [0, 1]]]


# Stage 3: the losses, the decoder, and the students.


def test_the_bootstrap_losses_of_two_tokens_by_hand() -> None:
    chance = tensor([[0.7, 0.2, 0.1], [0.25, 0.25, 0.5]])
    labels, doubt = bootstrap_losses(
        chance.log()[None, None],
        tensor([[[[0.9, 0.1, 0.0], [0.0, 0.3, 0.6]]]]),
        against_S=tensor([0.1]),
        order_SY=torch.tensor([[1, 2, 0]]),
        sample_weight_SB=tensor([[1.0]]),
    )
    # labels 0 and 2; the classes in another order make them 2 and 1
    right = -(math.log(0.7) + math.log(0.5)) / 2
    wrong = -(math.log(0.1) + math.log(0.25)) / 2
    assert labels.item() == pytest.approx(right - 0.1 * wrong)
    assert doubt.item() == pytest.approx((0.5 + 0.75) / 2)


def normed(values: Floats) -> Floats:
    centred = values - values.mean(axis=-1, keepdims=True)
    made: Floats = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
    return made


def softmax(values: Floats) -> Floats:
    exponents = np.exp(values - values.max(axis=-1, keepdims=True))
    shares: Floats = exponents / exponents.sum(axis=-1, keepdims=True)
    return shares


def restated_decoder(tokens: Floats, weights: dict[str, Floats]) -> tuple[Floats, Floats]:
    """Logits (T, Y) and class tokens (Y, D) of one crop; two heads, two blocks."""

    def layer(values: Floats, name: str) -> Floats:
        made: Floats = values @ weights[f"decoder.{name}.weight"].T
        return made + weights[f"decoder.{name}.bias"]

    def norm(values: Floats, name: str) -> Floats:
        scaled: Floats = normed(values) * weights[f"decoder.{name}.weight"]
        return scaled + weights[f"decoder.{name}.bias"]

    classes = len(weights["decoder.class_tokens"])
    everything = np.concatenate([layer(tokens, "enter"), weights["decoder.class_tokens"]])
    for block in range(2):
        name = f"blocks.{block}"
        query, key, value = np.split(layer(norm(everything, f"{name}.norm1"), f"{name}.qkv"), 3, 1)
        heads = []
        for head in np.split(np.arange(query.shape[1]), 2):
            scores = query[:, head] @ key[:, head].T / math.sqrt(len(head))
            heads.append(softmax(scores) @ value[:, head])
        everything = everything + layer(np.concatenate(heads, axis=1), f"{name}.proj")
        hidden = layer(norm(everything, f"{name}.norm2"), f"{name}.fc1")
        gelu = hidden * (1 + np.vectorize(math.erf)(hidden / math.sqrt(2))) / 2
        everything = everything + layer(gelu, f"{name}.fc2")
    everything = norm(everything, "norm")
    ended = restated.units(everything[:-classes] @ weights["decoder.of_tokens.weight"])
    own = restated.units(everything[-classes:] @ weights["decoder.of_classes.weight"])
    return norm(ended @ own.T, "over_classes"), own


@pytest.mark.parametrize("modalities", [("rgb",), MODALITIES, ("rgb", "depth", "nir", "aolp")])
@pytest.mark.parametrize("iteration", [3, 8])
def test_the_whole_loss_equals_the_restatement(
    modalities: tuple[str, ...], iteration: int
) -> None:
    hyper = {"lambda_doubt": 0.7, "lambda_apart": 1.3, "against": 0.2}
    config = small_config(modalities=modalities, name="transfgu", hyper=hyper)  # parts of 6
    method = build_method(config, channels=6, classes=3)
    views = method.parameters.views(small_tensor(1, method.parameters.size, seed=2) / 3)
    buffers = method.buffers.views(small_tensor(1, method.buffers.size, seed=3) / 3)
    tokens = small_tensor(1, len(modalities), 4, TOKENS, 6, seed=1)
    batch = small_batch(tokens)
    batch.iteration_S.fill_(iteration)
    draws = small_draws(maps=0, masks=0, uniform=1)
    made = method.step(views, buffers, batch, hyper_of(config), draws)

    mean = tokens[0].numpy().mean(axis=0)
    student = {name: (view + buffers[f"shift.{name}"])[0].numpy() for name, view in views.items()}
    teacher = {name: buffers[f"teacher.{name}"][0].numpy() for name in views}
    maps = class_maps(torch.from_numpy(mean), buffers["classes"][0]).numpy()
    order = draws.uniform_SEBT[0, 0].flatten()[:3].argsort().numpy()
    against = 0.2 * (0.3 + 0.7 * 2 / 6) if iteration == 8 else 0.0
    labels, doubt, apart = [], [], []
    for crop in range(4):
        logits, own = restated_decoder(mean[crop], student)
        np.testing.assert_allclose(made.codes_SBTK[0, crop], logits, rtol=1e-8, atol=1e-10)
        chances = (maps[crop] - maps[crop].min()) / (maps[crop].max() - maps[crop].min())
        if iteration == 8:
            chances = (chances + softmax(restated_decoder(mean[crop], teacher)[0])) / 2
        log = np.log(softmax(logits))
        right = log[np.arange(TOKENS), chances.argmax(axis=1)]
        wrong = log[np.arange(TOKENS), chances[:, order].argmax(axis=1)]
        labels.append(np.mean(-right + against * wrong))
        two = np.sort(np.exp(log), axis=1)[:, -2:]
        doubt.append(np.mean(1 - (two[:, 1] - two[:, 0])))
        apart.append(np.mean([1 + own[a] @ own[b] for a in range(3) for b in range(a)]))
    assert {name: term.item() for name, term in made.terms.items()} == pytest.approx(
        {
            "labels": np.mean(labels),
            "doubt": 0.7 * np.mean(doubt),
            "apart": 1.3 * np.mean(apart),
        },
        rel=1e-8,
    )


def slots_at(iterations: int, **method: Any) -> tuple[Slots, Any]:
    config = small_config(name="transfgu", training={"learning_rate": 1e-2}, **method)
    slots = Slots.start([config], small_dataset_features(), CPU)
    for _ in range(iterations):
        slots.step()
    return slots, build_method(config, channels=6, classes=3)


def views_of(slots: Slots, method: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    state = slots.state(0)
    parameters = method.parameters.views(state["model.leaf_SP"][None])
    return parameters, method.buffers.views(state["buffers"][None])


def test_a_student_becomes_the_teacher_and_a_fresh_one_begins() -> None:
    slots, method = slots_at(6)
    parameters, buffers = views_of(slots, method)
    first = {name: buffers[f"first.{name}"] for name in parameters}
    assert all(not buffers[f"shift.{name}"].any() for name in parameters)
    assert any(not torch.equal(view, first[name]) for name, view in parameters.items())
    slots.step()  # the seventh of 12, in two parts
    later, after = views_of(slots, method)
    for name, view in parameters.items():
        torch.testing.assert_close(after[f"teacher.{name}"], view)
        begun = later[name] + after[f"shift.{name}"]
        assert (begun - first[name]).abs().max() < 0.03, name  # a step of Adam from the first
    moved = [(parameters[name] - first[name]).abs().max() for name in parameters]
    assert max(moved) > 0.03


@pytest.mark.parametrize(
    ("parts", "changes"), [(1, []), (5, [3, 5, 8, 10]), (12, [*range(1, 12)])]
)
def test_a_run_has_as_many_parts_as_asked_for(parts: int, changes: list[int]) -> None:
    """Also where they do not divide its 12 iterations."""
    config = small_config(name="transfgu", parts=parts)
    slots = Slots.start([config], small_dataset_features(), CPU)
    method = build_method(config, channels=6, classes=3)
    shifts, before = [], torch.zeros(0)
    for iteration in range(12):
        slots.step()
        _, buffers = views_of(slots, method)
        now = torch.cat([v.flatten() for name, v in buffers.items() if name.startswith("shift.")])
        if iteration and not torch.equal(now, before):
            shifts.append(iteration)
        before = now.clone()
    assert shifts == changes


@pytest.mark.usefixtures("one_thread")
def test_packed_slots_equal_single_runs_over_the_change_of_students() -> None:
    configs = [small_config(name="transfgu", seed=seed) for seed in range(2)]
    runs = PackedAndAlone(configs, small_dataset_features())
    runs.step(8)
    runs.assert_equal()


def test_each_class_is_a_cluster_of_its_own(tmp_path: Path) -> None:
    dataset_features, config = small_dataset_features(), small_config(name="transfgu")
    run = Run.start(config, dataset_features, CPU)
    run.advance()
    scored = run.scored()
    assert torch.equal(scored.probes[CENTRES][0], torch.eye(3))
    logits = codes_of(scored, dataset_features.val.features, MODALITIES, CPU)
    made = predict(logits, scored, grid=GRID, size=GRID)
    wanted = logits.argmax(dim=-1).view(-1, *GRID)
    assert torch.equal(made.clusters_Nhw.long(), wanted)
    run.save(tmp_path / "run")
    again = Run.restore(tmp_path / "run", config, dataset_features, CPU)
    assert run.advance() == again.advance()


def test_class_tokens_start_at_right_angles() -> None:
    slots, method = slots_at(0)
    parameters, buffers = views_of(slots, method)
    tokens = parameters["decoder.class_tokens"][0]
    torch.testing.assert_close(tokens @ tokens.mT, torch.eye(3), rtol=0, atol=1e-5)
    assert torch.equal(buffers[OWN_CENTRES][0], torch.eye(3))


@pytest.mark.parametrize(
    ("options", "phrase"),
    [
        ({"parts": 0}, "parts = 0 is too small"),
        ({"width": 10, "heads": 4}, "width = 10 is not a multiple of method.options.heads = 4"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], phrase: str) -> None:
    with pytest.raises(ConfigError, match=phrase):
        MethodConfig(name="transfgu", options=options)


def test_more_classes_than_a_batch_has_tokens_are_refused_in_one_line() -> None:
    count = 2 * TOKENS + 1
    features = dataclasses.replace(
        small_dataset_features(),
        classes=tuple(f"class{number}" for number in range(count)),
        palette=((0, 0, 0),) * count,
    )
    config = small_config(name="transfgu", training={"batch_size": 2})
    slots = Slots.start([config], features, CPU)
    with pytest.raises(ConfigError, match="each of 41 classes in a batch") as caught:
        slots.step()
    assert "\n" not in str(caught.value) and "which has 40: raise" in str(caught.value)
