"""HP: positives on hand-made tokens, its loss restated, the averaged head and the pool."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.unit.trainer import restated
from tests.unit.trainer.restated import units
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
from trainer.engine.slots import Slots
from trainer.errors import ConfigError
from trainer.losses.hidden_positives import Positives, contrast, hidden_positives
from trainer.methods import build_method, feature_maps
from trainer.methods.feature_map import FeatureMap
from trainer.methods.networks.hp import AVERAGED, POOL
from trainer.nn.neighbours import local_weights
from trainer.nn.parameters import PLAIN
from trainer.seeds import torch_generator

TOKENS = GRID[0] * GRID[1]
Floats = NDArray[np.float64]
JITTERED = FeatureMap(modality="rgb", output="tokens", view="jittered")
ATTENTION = FeatureMap(modality="rgb", output="local-attention")


def at(*degrees: float) -> torch.Tensor:
    """Unit vectors at these angles."""
    radians = [math.radians(each) for each in degrees]
    return torch.tensor([[math.cos(a), math.sin(a)] for a in radians], dtype=torch.float64)


def positives_of(**changed: Any) -> Positives:
    """Of four tokens at 0, 10, 50 and 199 degrees, with a pool at 30 degrees."""
    given: dict[str, Any] = {
        "features_IC": at(0, 10, 50, 199),
        "codes_IK": at(0, 90, 180, 270),
        "pool_features_OC": at(30),
        "pool_codes_OK": at(0, 90, 180, 270),
        "present_I": torch.ones(4, dtype=torch.bool),
        "uniform_2I": torch.full((2, 4), 0.49, dtype=torch.float64),
        "share": 0.02,
        "lambda_specific": torch.tensor(0.5, dtype=torch.float64),
    }
    return hidden_positives(**(given | changed))


def test_positives_are_nearer_than_the_pool_to_one_of_the_two() -> None:
    # nearest of the pool: 30, 20, 20 and 169 degrees away. From the last, the others are 161, 171
    # and 149 degrees away; of the rest only the first two are near enough
    made = positives_of()
    expected = [[0, 1, 0, 1], [1, 0, 0, 0], [0, 0, 0, 1], [1, 0, 1, 0]]
    assert made.weight_II.tolist() == expected
    assert made.contrasted_II.tolist() == [[bool(each) for each in row] for row in expected]


def test_task_specific_positives_count_for_queries_alone() -> None:
    # in the space of codes 0 and 1 are the same, and so are 2 and 3
    near = positives_of(
        features_IC=at(0, 10, 50, 60),
        codes_IK=at(0, 0, 180, 180),
        pool_features_OC=at(0, 10, 52, 63),
        pool_codes_OK=at(90),
    )
    assert near.weight_II.abs().sum() == 0  # no anchor
    some = positives_of(
        features_IC=at(0, 10, 50, 80),
        codes_IK=at(0, 0, 180, 180),
        pool_features_OC=at(-20, 49, 81),
        pool_codes_OK=at(90),
    )
    assert some.weight_II.tolist() == [[0, 1.5, 0, 0], [1.5, 0, 0, 0], [0] * 4, [0] * 4]


def test_padding_is_neither_query_nor_positive_nor_negative() -> None:
    made = positives_of(present_I=torch.tensor([True, False, True, True]), share=1.0)
    assert made.weight_II[1].abs().sum() == made.weight_II[:, 1].abs().sum() == 0
    assert not made.contrasted_II[1].any() and not made.contrasted_II[:, 1].any()
    assert not made.contrasted_II.diagonal().any()


@pytest.mark.parametrize("share", [0.02, 0.3])
def test_the_random_share_of_pairs_is_contrasted(share: float) -> None:
    count = 300
    made = positives_of(
        features_IC=at(*range(count)),
        codes_IK=at(*range(count)),
        pool_features_OC=at(*range(count)),
        pool_codes_OK=at(*range(count)),
        present_I=torch.ones(count, dtype=torch.bool),
        uniform_2I=torch.rand(2, count, generator=torch_generator(0), dtype=torch.float64),
        share=share,
    )
    others = made.contrasted_II.double().mean().item()
    assert others == pytest.approx(share, rel=0.1)
    assert made.contrasted_II.double().mean(dim=1).max() < 2 * share + 0.03


def test_two_tokens_by_hand() -> None:
    # one positive and nothing else: its share is 1 and the loss 0; with a negative it is not
    tokens = at(0, 60, 90)
    weight = torch.tensor([[0, 1, 0], [1, 0, 0], [0, 0, 0]], dtype=torch.float64)
    temperature, one = torch.tensor(0.5, dtype=torch.float64), torch.ones(1, dtype=torch.float64)

    def loss(contrasted: torch.Tensor) -> float:
        positives = Positives(weight_II=weight, contrasted_II=contrasted)
        return contrast(tokens, positives, temperature=temperature, weight_B=one).item()

    assert loss(weight > 0) == pytest.approx(0)
    with_negative = torch.tensor([[False, True, True], [True, False, False], [False] * 3])
    share = math.exp(0.5 / 0.5) / (math.exp(0.5 / 0.5) + math.exp(0 / 0.5))
    assert loss(with_negative) == pytest.approx(-0.5 / 0.07 * math.log(share) / 2)


def restated_contrast(
    projected: Floats,
    features: Floats,
    codes: Floats,
    pools: tuple[Floats, Floats],
    numbers: Floats,
    *,
    temperature: float,
    share: float,
    lambda_specific: float,
) -> float:
    """Token by token: projected, features and codes are (B, T, channels), numbers (2, B * T)."""
    batch, tokens = projected.shape[:2]
    z, f, s = (units(each.reshape(batch * tokens, -1)) for each in (projected, features, codes))
    near_f, near_s = (
        (own @ units(pool).T).max(axis=1) for own, pool in zip((f, s), pools, strict=True)
    )
    losses = []
    for crop in range(batch):
        total, weights = 0.0, 0.0
        for i in range(crop * tokens, (crop + 1) * tokens):
            others = [j for j in range(batch * tokens) if j != i]
            first = [j for j in others if f[i] @ f[j] > near_f[i] or f[i] @ f[j] > near_f[j]]
            second = [j for j in others if s[i] @ s[j] > near_s[i] or s[i] @ s[j] > near_s[j]]
            if not first:
                continue
            chosen = [j for j in others if (numbers[0, i] + numbers[1, j]) % 1 < share]
            chosen = sorted({*first, *chosen})
            bottom = np.log(sum(np.exp(z[i] @ z[k] / temperature) for k in chosen))
            for positives, weight in ((first, 1.0), (second, lambda_specific)):
                for j in positives:
                    total += weight * (z[i] @ z[j] / temperature - bottom)
                    weights += weight
        losses.append(-total / weights if weights else 0.0)
    return float(temperature / 0.07 * np.mean(losses))


def restated_mix(code: Floats, weights: Floats) -> Floats:
    """Of (B, T, K) and (B, T, 9)."""
    height, width = GRID
    made = np.zeros_like(code)
    for token in range(TOKENS):
        y, x = divmod(token, width)
        around = [
            (place, (y + down) * width + x + across)
            for place, (down, across) in enumerate(
                (down, across) for down in (-1, 0, 1) for across in (-1, 0, 1)
            )
            if 0 <= y + down < height and 0 <= x + across < width
        ]
        for place, other in around:
            made[:, token] += weights[:, token, place, None] * code[:, other] / len(around)
    return made


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("local", ["features", "attention", "off"])
@pytest.mark.parametrize("iteration", [0, 9])
def test_the_whole_loss_equals_the_restatement(count: int, local: str, iteration: int) -> None:
    modalities = ("rgb", "depth")[:count]
    hyper = {"temperature": 0.5, "lambda_consistency": 0.3}
    config = small_config(
        modalities=modalities,
        name="hp",
        fusion="mean",
        hyper=hyper,
        local=local,
        negatives=0.2,
        warmup=0.25,
        momentum=0.9,
    )
    method = build_method(config, channels=6, classes=3)
    draws = small_draws(maps=0, masks=method.needs.masks, uniform=2)
    views = method.parameters.views(small_tensor(1, method.parameters.size, seed=2))
    buffers = method.buffers.views(small_tensor(1, method.buffers.size, seed=3))
    batch = small_batch(small_tensor(1, count, 4, TOKENS, 6, seed=1), config)
    batch.iteration_S[:] = iteration
    made = method.step(views, buffers, batch, hyper_of(config), draws)

    parameters = {name: view[0].numpy() for name, view in views.items()}
    averaged = {
        name.removeprefix(AVERAGED): view[0].numpy()
        for name, view in buffers.items()
        if name.startswith(AVERAGED)
    }
    masks, none = draws.masks_SDNC[0].numpy()[:, :4], np.ones((2, 4, 6))
    tokens = batch.tokens_SMNTC[0].numpy()
    fused = tokens.mean(axis=0)
    changed = np.stack([batch.maps[JITTERED][0].numpy(), *tokens[1:]]).mean(axis=0)
    code = restated.head(fused, parameters, masks[:2])
    jittered = restated.head(changed, parameters, masks[-2:])
    features = fused * masks[2][:, None] if count == 1 else fused
    pool = buffers[POOL][0].numpy().mean(axis=1)
    codes = restated.head(fused, averaged, none)
    pools = pool, restated.head(pool[:, None], averaged, np.ones((2, len(pool), 6)))[:, 0]
    weights = (
        batch.maps[ATTENTION][0].numpy()
        if local == "attention"
        else local_weights(
            torch.from_numpy(np.stack([restated.cosines(each, each) for each in fused])), GRID
        ).numpy()
    )
    mixed = restated_mix(code, math.sqrt(TOKENS) * weights)
    names = {"global": code} | ({} if local == "off" else {"local": mixed})
    settings = {
        "temperature": 0.5,
        "share": 0.2,
        "lambda_specific": 0.0 if iteration == 0 else (9 / 12 - 0.25) / 0.75,
    }
    numbers = draws.uniform_SEBT[0].numpy().reshape(2, -1)
    expected = {
        name: restated_contrast(
            restated.layer(each, parameters, "projector"),
            features,
            codes,
            pools,
            numbers,
            **settings,
        )
        / len(names)
        for name, each in names.items()
    }
    apart = units(restated.layer(code, parameters, "projector")) - units(
        restated.layer(jittered, parameters, "projector")
    )
    expected["consistency"] = 0.3 * float(np.linalg.norm(apart + 1e-6, axis=-1).mean())
    assert expected["global"] > 0.1
    assert {name: term.item() for name, term in made.terms.items()} == pytest.approx(
        expected, rel=1e-7
    )
    for name, view in averaged.items():
        np.testing.assert_allclose(
            made.buffers[f"{AVERAGED}{name}"][0].numpy(),
            0.9 * view + 0.1 * parameters[name],
            rtol=1e-7,
            atol=1e-12,
        )


def test_the_averaged_head_starts_as_the_head_and_the_pool_as_tokens_of_train() -> None:
    config = small_config(name="hp", pool=7)
    dataset_features = small_dataset_features()
    slots = Slots.start([config], dataset_features, CPU)
    method = build_method(config, channels=6, classes=3)
    state = slots.state(0)
    views = method.parameters.views(state["model.leaf_SP"][None])
    buffers = method.buffers.views(state["buffers"][None])
    for name, view in buffers.items():
        if name.startswith(AVERAGED):
            assert torch.equal(view, views[name.removeprefix(AVERAGED)])
    tokens = np.stack(
        [dataset_features.train.features[each].reshape(-1, 6) for each in ("rgb", "depth")], axis=1
    )
    places = [
        int(np.flatnonzero((tokens == each.numpy()).all(axis=(1, 2)))[0])
        for each in buffers[POOL][0]
    ]
    assert len({*places}) > 3
    other = Slots.start([small_config(name="hp", pool=7, seed=1)], dataset_features, CPU)
    assert not torch.equal(other.state(0)["buffers"][-84:], state["buffers"][-84:])


def test_encoder_and_head_decay_and_are_clipped_and_the_projector_is_not() -> None:
    method = build_method(small_config(name="hp", fusion="conv"), channels=6, classes=3)
    for entry in method.parameters.entries:
        plain = entry.name.startswith("projector")
        assert (entry.group == PLAIN) is plain, entry.name
        assert plain or (entry.group.decay, entry.group.clip) == (0.1, 10.0)


def test_attention_is_read_only_if_tokens_are_mixed_by_it() -> None:
    assert feature_maps(small_config(name="hp")) == (JITTERED,)
    assert feature_maps(small_config(name="hp", local="off")) == (JITTERED,)
    assert feature_maps(small_config(name="hp", local="attention")) == (JITTERED, ATTENTION)


@pytest.mark.parametrize(
    ("option", "value"), [("pool", 0), ("momentum", 1.0), ("negatives", -0.1), ("warmup", 1.0)]
)
def test_options_out_of_range_are_refused(option: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"method.options.{option}"):
        MethodConfig(name="hp", options={option: value})
