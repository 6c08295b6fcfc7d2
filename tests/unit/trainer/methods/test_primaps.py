"""PriMaPs-EM: its masks by hand and restated, its two phases, and the methods it builds on."""

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
from trainer.config.configuration import MethodConfig, TrainConfig
from trainer.engine.run import Run
from trainer.engine.slots import Slots
from trainer.errors import ConfigError
from trainer.losses.principal_masks import focal_loss, mask_classes, principal_masks, settled
from trainer.methods import METHODS, build_method, feature_maps, hyper_parameters, step_values
from trainer.methods.base import OWN_CENTRES
from trainer.scoring.probes import CENTRES

MODALITIES = ("rgb", "depth")
TOKENS = GRID[0] * GRID[1]
Floats = NDArray[np.float64]


def tensor(values: Any) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def restated_masks(features: Floats, threshold: float, count: int) -> list[NDArray[np.bool_]]:
    """Masks of one crop (T, C), by an eigendecomposition of the covariance."""
    free = np.ones(len(features), dtype=bool)
    masks: list[NDArray[np.bool_]] = []
    while len(masks) < count and free.sum() > 0.05 * len(features):
        centred = features[free] - features[free].mean(axis=0)
        direction = np.linalg.svd(centred, full_matrices=False)[2][0]
        along = restated.units(features) @ direction
        along = along * np.sign(along[free][np.abs(along[free]).argmax()])
        seed = np.where(free, along, -np.inf).argmax()
        close = np.where(free, restated.cosines(features, features[seed : seed + 1])[:, 0], 0)
        masks.append(free & (close >= threshold * close.max()))
        free = free & ~masks[-1]
    return masks


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("threshold", [0.2, 0.4, 0.8])
def test_the_masks_equal_the_restatement(seed: int, threshold: float) -> None:
    # directions of clearly different variance, and masks of many tokens, so that both computations
    # find the same one
    features = small_tensor(3, TOKENS, 6, seed=seed) * tensor([4.0, 2.0, 1.0, 0.5, 0.25, 0.1])
    made = principal_masks(features, torch.full((3,), threshold), count=4)
    for crop, masks in enumerate(made):
        found = restated_masks(features[crop].numpy(), threshold, 4)
        assert np.array_equal(masks[: len(found)].numpy(), np.stack(found))
        assert not masks[len(found) :].any()


def test_two_groups_are_two_masks() -> None:
    # tokens 0 to 2 point to the right, 3 and 4 up; the longest spread is along x - y
    features = tensor([[[4.0, 0.0], [4.0, 0.1], [4.0, -0.1], [0.0, 1.0], [0.1, 1.0]]])
    (masks,) = principal_masks(features, tensor([0.5]), count=4)
    assert masks.tolist() == [
        [True, True, True, False, False],
        [False, False, False, True, True],
        [False] * 5,
        [False] * 5,
    ]


def test_each_crop_has_its_own_threshold() -> None:
    features = small_tensor(1, TOKENS, 6).expand(2, -1, -1)
    made = principal_masks(features, tensor([0.2, 0.9]), count=3)
    for crop, threshold in enumerate((0.2, 0.9)):
        (alone,) = principal_masks(features[:1], tensor([threshold]), count=3)
        assert torch.equal(made[crop], alone)
    assert made[0, 0].sum() > made[1, 0].sum()


def test_no_token_is_in_two_masks() -> None:
    made = principal_masks(small_tensor(4, TOKENS, 6), torch.full((4,), 0.3), count=12)
    assert made.sum(dim=1).max() == 1


def test_equal_features_are_one_mask() -> None:
    made = principal_masks(torch.ones(1, TOKENS, 6), torch.tensor([0.4]), count=3)
    assert made.sum(dim=2).tolist() == [[TOKENS, 0, 0]]


def test_the_median_fills_a_hole_and_drops_a_speck() -> None:
    mask = torch.zeros(1, 1, 5, 6, dtype=torch.bool)
    mask[..., :4] = True
    mask[0, 0, 2, 1], mask[0, 0, 2, 5] = False, True
    made = settled(mask.flatten(2), (5, 6)).view(5, 6)
    wanted = torch.zeros(5, 6, dtype=torch.bool)
    wanted[:, :4] = True
    assert torch.equal(made, wanted)


def test_a_mask_has_its_most_frequent_class() -> None:
    masks = torch.tensor([[[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 0]]], dtype=torch.bool)
    classes, known = mask_classes(masks, torch.tensor([[2, 0, 2, 1, 0, 1]]), classes=3)
    assert classes.tolist() == [[2, 2, 2, 0, 0, 0]]  # of equally frequent ones, the first
    assert known.tolist() == [[True, True, True, True, True, False]]


def test_the_focal_loss_of_two_tokens_by_hand() -> None:
    chance = np.array([[0.9, 0.1], [0.5, 0.5]])
    made = focal_loss(
        torch.from_numpy(np.log(chance))[None, None],
        torch.tensor([[[0, 1]]]),
        torch.tensor([[[True, True]]]),
        focus_S=tensor([2.0]),
        sample_weight_SB=tensor([[1.0]]),
    )
    # mean probabilities 0.7 and 0.3
    wanted = -(0.3**2 * np.log(0.9) + 0.7**2 * np.log(0.5)) / 2
    assert made.item() == pytest.approx(wanted)


def softmax(values: Floats) -> Floats:
    exponents = np.exp(values - values.max(axis=-1, keepdims=True))
    shares: Floats = exponents / exponents.sum(axis=-1, keepdims=True)
    return shares


def loss_at(iteration: int, config: TrainConfig) -> tuple[dict[str, float], Any]:
    """The terms of a step on random tensors, and what they were computed from."""
    method = build_method(config, channels=6, classes=3)
    views = method.parameters.views(small_tensor(1, method.parameters.size, seed=2))
    buffers = method.buffers.views(small_tensor(1, method.buffers.size, seed=3))
    tokens = small_tensor(1, len(config.data.modalities), 8, TOKENS, 6, seed=1)
    batch = small_batch(tokens, config)
    batch.iteration_S.fill_(iteration)
    draws = small_draws(maps=1, masks=method.needs.masks)
    made = method.step(views, buffers, batch, hyper_of(config), draws)
    terms = {name: term.item() for name, term in made.terms.items()}
    return terms, (method, views, buffers, tokens, made)


@pytest.mark.parametrize("modalities", [("rgb",), MODALITIES, ("rgb", "depth", "nir", "aolp")])
def test_both_phases_equal_the_restatement(modalities: tuple[str, ...]) -> None:
    hyper = {"mask_threshold": 0.3, "focus": 1.5, "prototype_momentum": 0.9}
    config = small_config(
        modalities=modalities, name="primaps", fusion="sum", hyper=hyper, begin=0.5, freeze=True
    )  # masks begin at iteration 6 of 12
    early, (method, views, buffers, tokens, made) = loss_at(5, config)
    code = made.codes_SBTK[0].numpy()
    prototypes = restated.units(views["prototypes"][0].numpy())
    nearest = np.stack([restated.cosines(each, prototypes).max(axis=1) for each in code])
    assert early["prototypes"] == pytest.approx(-nearest.mean(), rel=1e-9)
    assert early["correspondence"] != 0
    np.testing.assert_allclose(made.buffers[OWN_CENTRES][0], prototypes, rtol=1e-9)

    late, (method, views, buffers, tokens, made) = loss_at(6, config)
    assert late["correspondence"] == 0
    slow = buffers[OWN_CENTRES][0].numpy()
    settled_code = method.encode(views, buffers, tokens[:, :, :4])[0].numpy()
    features = tokens[0, :, :4].numpy().mean(axis=0)
    classes = np.full((4, TOKENS), -1)
    for crop in range(4):
        votes = restated.cosines(settled_code[crop], slow).argmax(axis=1)
        for mask in restated_masks(features[crop], 0.3, 12):
            classes[crop, mask] = np.bincount(votes[mask], minlength=3).argmax()
    chance = softmax(code @ prototypes.T)
    weight = (1 - chance.mean(axis=(0, 1))) ** 1.5
    own = np.log(np.take_along_axis(chance, classes.clip(0)[..., None], axis=-1)[..., 0])
    wanted = -np.mean(own * weight[classes.clip(0)] * (classes >= 0))
    assert late["prototypes"] == pytest.approx(wanted, rel=1e-9)
    np.testing.assert_allclose(
        made.buffers[OWN_CENTRES][0], 0.9 * slow + 0.1 * prototypes, rtol=1e-9
    )


@pytest.mark.parametrize("base", [name for name in METHODS if name != "primaps"])
@pytest.mark.parametrize("begin", [0.0, 0.9])
def test_every_method_is_a_base(base: str, begin: float, tmp_path: Path) -> None:
    config = small_config(modalities=MODALITIES, name="primaps", base=base, begin=begin)
    own = {each.name for each in hyper_parameters(config)}
    alone = small_config(modalities=MODALITIES, name=base)
    assert {each.name for each in hyper_parameters(alone)} < own
    assert {*step_values(alone)} < {*step_values(config)}
    assert feature_maps(config) == feature_maps(alone)
    dataset_features = small_dataset_features()
    run = Run.start(config, dataset_features, CPU)
    run.advance()
    run.save(tmp_path / "run")
    again = Run.restore(tmp_path / "run", config, dataset_features, CPU)
    assert run.advance() == again.advance()
    scored, state = run.scored(), run._slots.state(0)
    assert scored.probes[CENTRES].shape[1] == 3
    assert all(tensor.isfinite().all() for tensor in state.values() if tensor.is_floating_point())


def test_frozen_features_start_at_their_principal_directions() -> None:
    config = small_config(modalities=("rgb",), name="primaps", base="kmeans")
    features = small_dataset_features(modalities=("rgb",))
    tokens = features.train.features["rgb"].reshape(-1, 6).astype(float)
    wanted = np.linalg.svd(tokens - tokens.mean(axis=0), full_matrices=False)[2][:3]
    slots = Slots.start([config], features, CPU)
    started = slots.scored(0).probes[CENTRES][0].numpy()
    np.testing.assert_allclose(np.abs((started * wanted).sum(axis=1)), 1, rtol=1e-5)


@pytest.mark.parametrize("base", [name for name in METHODS if name != "primaps"])
def test_a_frozen_base_keeps_its_state_and_prototypes_learn(base: str) -> None:
    """Weight decay, the optimiser's memory and the base's own schedule would move it."""
    config = small_config(
        modalities=MODALITIES, name="primaps", base=base, begin=0.5, freeze=True, median=False
    )
    slots = Slots.start([config], small_dataset_features(), CPU)
    method = build_method(config, channels=6, classes=3)

    def state() -> dict[str, torch.Tensor]:
        rows = slots.state(0)
        views = method.parameters.views(rows["model.leaf_SP"][None])
        return {**views, **method.buffers.views(rows["buffers"][None])}

    states = []
    for step in range(config.training.iterations):
        slots.step()
        if step >= 5:
            states.append({name: view.clone() for name, view in state().items()})
    first, last = states[0], states[-1]
    for name in first:
        if name.startswith("base."):
            assert torch.equal(first[name], last[name]), name
    assert not torch.equal(first["prototypes"], last["prototypes"])


def test_a_base_that_is_not_frozen_goes_on_learning() -> None:
    config = small_config(name="primaps", begin=0.0, freeze=False, median=False)
    slots = Slots.start([config], small_dataset_features(), CPU)
    layout = build_method(config, channels=6, classes=3).parameters
    name = "base.head.linear.weight"
    before = layout.views(slots.state(0)["model.leaf_SP"][None])[name].clone()
    slots.step()
    assert not torch.equal(layout.views(slots.state(0)["model.leaf_SP"][None])[name], before)


@pytest.mark.parametrize("name", ["primaps", "hawk"])
def test_an_unknown_base_is_refused_in_one_line(name: str) -> None:
    config = small_config(name="primaps", base=name)
    with pytest.raises(
        ConfigError, match=f"base = '{name}' is not known: choose one of"
    ) as caught:
        hyper_parameters(config)
    assert "\n" not in str(caught.value)


def test_a_base_for_several_modalities_is_refused_for_one() -> None:
    config = small_config(modalities=("rgb",), name="primaps", base="coral")
    with pytest.raises(ConfigError, match=r"base = 'coral' needs 2 modalities or more, and"):
        hyper_parameters(config)


@pytest.mark.parametrize(
    ("options", "phrase"),
    [
        ({"begin": 1.0}, "begin = 1 is out of range"),
        ({"masks": 0}, "masks = 0 is too small"),
        ({"follow_every": 0}, "follow_every = 0 is too small"),
        ({"prototype_rate": 0.0}, "prototype_rate = 0 is out of range"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], phrase: str) -> None:
    with pytest.raises(ConfigError, match=phrase):
        MethodConfig(name="primaps", options=options)
