"""UniM2 and STEGO: against the restatement, and against each other."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.unit.trainer import restated
from tests.unit.trainer.small import (
    GRID,
    hyper_of,
    rows_of,
    small_batch,
    small_config,
    small_draws,
    small_tensor,
)
from trainer.config.configuration import DataConfig, MethodConfig, TrainConfig
from trainer.errors import ConfigError
from trainer.losses import PairPoints, correspondence, pair_weights
from trainer.losses.draws import StepDraws
from trainer.methods import (
    METHODS,
    build_method,
    hyper_parameters,
    hyper_values,
    modality_hyper_parameters,
)
from trainer.methods.base import StepTerms
from trainer.model import Encoder, code_head
from trainer.model.msn import msn
from trainer.model.normalise import PRE_NORMS
from trainer.nn.linear import linear
from trainer.nn.parameters import Layout, Views
from trainer.seeds import torch_generator

TOKENS = GRID[0] * GRID[1]


def step(
    config: TrainConfig, *, seed: int = 0, tokens: Tensor | None = None
) -> tuple[StepTerms, Tensor, Views, StepDraws, Tensor, NDArray[np.float64]]:
    """One step of one slot in float64, and its inputs."""
    modalities = len(config.data.modalities)
    method = build_method(config, channels=6, classes=3)
    draws = small_draws(maps=method.needs.maps, masks=method.needs.masks)
    if tokens is None:
        tokens = small_tensor(1, modalities, 8, TOKENS, 6, seed=1)
    leaf = method.parameters.initial_row(torch_generator(seed, "p")).double()[None]
    leaf = leaf.requires_grad_()
    views = method.parameters.views(leaf)
    buffers = method.buffers.initial_row(torch_generator(seed, "b")).double()[None]
    batch = small_batch(tokens)
    made = method.step(views, method.buffers.views(buffers), batch, hyper_of(config), draws)
    return made, leaf, views, draws, tokens, np.array(rows_of(config))


def total(made: StepTerms) -> torch.Tensor:
    return torch.stack(list(made.terms.values())).sum()


def test_unim2_equals_the_restatement() -> None:
    hyper = {"lambda_cmcs.depth": 3.0, "lambda_knn": 0.2, "depth.b_self": 0.4}
    config = small_config(hyper=hyper)
    made, _, views, draws, tokens, rows = step(config)
    parameters = {name: view[0].detach().numpy() for name, view in views.items()}
    raw = tokens[0].numpy()
    fused = restated.conv_encoder(raw, parameters)
    code = restated.head(fused, parameters, draws.masks_SDNC[0].numpy())
    codes = np.stack([code, restated.harmonise(code, parameters, 0)])
    expected = restated.total_loss(
        raw.reshape(2, 8, *GRID, 6),
        codes.reshape(2, 8, *GRID, 4),
        draws.coordinates_SM2BQ2[0].numpy(),
        draws.sources_SMBJ[0, :, :, 2:].transpose(1, 2).numpy(),
        rows,
    )
    assert float(total(made).detach()) == pytest.approx(expected, rel=1e-9)
    np.testing.assert_allclose(made.codes_SBTK[0].detach().numpy(), code[:4], rtol=1e-9)


def test_one_modality_is_stego_with_a_dropped_out_target() -> None:
    config = small_config(modalities=("rgb",))
    made, _, views, draws, tokens, rows = step(config)
    parameters = {name: view[0].detach().numpy() for name, view in views.items()}
    raw, masks = tokens[0, 0].numpy(), draws.masks_SDNC[0].numpy()
    code = restated.head(raw, parameters, masks)
    expected = restated.total_loss(
        (raw * masks[2][:, None]).reshape(1, 8, *GRID, 6),
        code.reshape(1, 8, *GRID, 4),
        draws.coordinates_SM2BQ2[0].numpy(),
        draws.sources_SMBJ[0, :, :, 2:].transpose(1, 2).numpy(),
        rows,
    )
    assert float(total(made).detach()) == pytest.approx(expected, rel=1e-9)


def test_unim2_with_one_modality_equals_stego_bit_for_bit() -> None:
    unim2, unim2_leaf, *_ = step(small_config(modalities=("rgb",), name="unim2"))
    stego, stego_leaf, *_ = step(small_config(modalities=("rgb",), name="stego"))
    assert torch.equal(total(unim2), total(stego))
    gradients = [
        torch.autograd.grad(total(made), leaf)[0]
        for made, leaf in ((unim2, unim2_leaf), (stego, stego_leaf))
    ]
    assert torch.equal(*gradients)
    assert torch.equal(unim2.codes_SBTK, stego.codes_SBTK)


@pytest.mark.parametrize("name", ["stego", "unim2"])
@pytest.mark.parametrize("fusion", ["max", "conv", "ladder"])
def test_gradient_of_the_parameters_by_finite_differences(name: str, fusion: str) -> None:
    config = small_config(name=name, fusion=fusion)
    method = build_method(config, channels=6, classes=3)
    draws = small_draws(maps=method.needs.maps, masks=method.needs.masks)
    tokens = small_tensor(1, 2, 8, TOKENS, 6, seed=1)
    hyper = hyper_of(config)
    buffers = method.buffers.views(method.buffers.initial_row(torch_generator(0))[None].double())
    fixed = step(config)[1].detach()
    target = None if name == "unim2" else _detached_target(method, fixed, tokens, buffers, draws)

    def loss(leaf: Tensor) -> Tensor:
        views = method.parameters.views(leaf)
        batch = small_batch(tokens)
        if target is None:
            return total(method.step(views, buffers, batch, hyper, draws))
        return _stego_loss(method, views, tokens, buffers, draws, hyper, target)

    direction = small_tensor(*fixed.shape, seed=9)
    leaf = fixed.clone().requires_grad_()
    slope = float((torch.autograd.grad(loss(leaf), leaf)[0] * direction).sum())
    width = 1e-6
    difference = float(loss(fixed + width * direction) - loss(fixed - width * direction))
    assert slope == pytest.approx(difference / (2 * width), rel=1e-5)
    made, whole, *_ = step(config)  # the method's own gradient is that of the loss taken apart
    own = float((torch.autograd.grad(total(made), whole)[0] * direction).sum())
    assert own == pytest.approx(slope, rel=1e-9)


def _detached_target(
    method: Any, leaf: Tensor, tokens: Tensor, buffers: Views, draws: StepDraws
) -> Tensor:
    views = method.parameters.views(leaf)
    weights = draws.sample_weight_SB
    target: Tensor = method._encoder(tokens, views, dict(buffers), weights).detach()
    return target


def _stego_loss(
    method: Any,
    views: Views,
    tokens: Tensor,
    buffers: Views,
    draws: StepDraws,
    hyper: dict[str, Tensor],
    target: Tensor,
) -> Tensor:
    """STEGO's loss with the target held still, as its gradient sees it."""
    fused = method._encoder(tokens, views, dict(buffers), draws.sample_weight_SB)
    code = code_head(fused, views, draws.masks_SDNC)
    weights, biases = pair_weights(hyper, random_draws=2)
    points = PairPoints.of(draws, GRID)
    return correspondence(
        target[:, None], code[:, None], points, weights_SMJ=weights, biases_SMJ=biases
    ).sum()


@pytest.mark.parametrize("fusion", ["sum", "mean", "max"])
def test_order_of_modalities_does_not_matter(fusion: str) -> None:
    encoder = Encoder(
        modalities=3, channels=6, fusion=fusion, msn=True, residual=False, pre_norm="l2"
    )
    layout = Layout(entries=encoder.entries())
    views = layout.views(layout.initial_row(torch_generator(0))[None].double())
    tokens = small_tensor(1, 3, 8, TOKENS, 6)
    order = [2, 0, 1]
    turned = {name: view[:, order] for name, view in views.items()}
    straight = encoder(tokens, views, {})
    torch.testing.assert_close(
        encoder(tokens[:, order], turned, {}), straight, rtol=1e-14, atol=1e-14
    )
    assert not torch.allclose(encoder(tokens[:, order], views, {}), straight)


@pytest.mark.parametrize(
    ("channels", "modalities", "method", "count"),
    [
        (384, ("rgb", "depth"), MethodConfig(code_dim=70, fusion="conv"), 1_172_256),
        (768, ("rgb", "thermal"), MethodConfig(code_dim=90, fusion="conv"), 4_583_472),
        (384, ("rgb", "aolp"), MethodConfig(code_dim=320, fusion="ladder"), 1_339_648),
        (
            384,
            ("rgb", "nir", "aolp", "dolp"),
            MethodConfig(code_dim=320, fusion="ladder", options={"cmh": "shared"}),
            4_295_680,
        ),
    ],
)
def test_parameter_counts_are_the_published_networks(
    channels: int, modalities: tuple[str, ...], method: MethodConfig, count: int
) -> None:
    config = TrainConfig(data=DataConfig(modalities=modalities), method=method)
    assert build_method(config, channels=channels, classes=3).parameters.size == count


def test_parameter_counts_of_the_parts() -> None:
    config = TrainConfig(method=MethodConfig(code_dim=70))
    sizes: dict[str, int] = {}
    for entry in build_method(config, channels=384, classes=3).parameters.entries:
        part = entry.name.removesuffix(".weight").removesuffix(".bias")
        part = part if part == "head.linear" else part.split(".")[0]
        sizes[part] = sizes.get(part, 0) + entry.size
    assert sizes == {
        "msn": 296_064, "fusion": 664_512, "head.linear": 26_950, "head": 174_790, "cmh": 9_940,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("anchor", "harmonised"),
    [("first", {1, 2}), ("auxiliary", {0}), ("both", set()), ("none", {0, 1, 2})],
)
@pytest.mark.parametrize("cmh", ["shared", "per-modality"])
def test_anchor_switches_change_only_the_code_used(
    anchor: str, harmonised: set[int], cmh: str
) -> None:
    config = small_config(modalities=("rgb", "depth", "nir"), anchor=anchor, cmh=cmh)
    made, _, views, draws, tokens, rows = step(config)
    parameters = {name: view[0].detach().numpy() for name, view in views.items()}
    raw = tokens[0].numpy()
    code = restated.head(
        restated.conv_encoder(raw, parameters), parameters, draws.masks_SDNC[0].numpy()
    )
    codes = [code] * 3
    for head, modality in enumerate(sorted(harmonised)):
        codes[modality] = restated.harmonise(code, parameters, 0 if cmh == "shared" else head)
    expected = restated.total_loss(
        raw.reshape(3, 8, *GRID, 6),
        np.stack(codes).reshape(3, 8, *GRID, 4),
        draws.coordinates_SM2BQ2[0].numpy(),
        draws.sources_SMBJ[0, :, :, 2:].transpose(1, 2).numpy(),
        rows,
    )
    assert float(total(made).detach()) == pytest.approx(expected, rel=1e-9)


def test_ladder_normalises_each_half_as_batch_norm_does() -> None:
    config = small_config(fusion="ladder")
    method: Any = build_method(config, channels=6, classes=3)
    made, _, views, draws, tokens, _ = step(config)
    halves = torch.nn.BatchNorm1d(6, dtype=torch.float64)
    maps = PRE_NORMS["l2"](msn(tokens, views, residual=False))
    first = linear(torch.cat(maps.unbind(1), dim=-1), views, "fusion.layer0")
    normed = torch.cat(
        [halves(half.reshape(-1, 6)) for half in (first[0, :4], first[0, 4:])]
    ).view(8, TOKENS, 6)
    expected = linear(torch.relu(normed)[None], views, "fusion.layer1")
    fused = method._encoder(
        tokens, views, method.buffers.views(_initial(method.buffers)), draws.sample_weight_SB
    )
    torch.testing.assert_close(fused, expected, rtol=1e-9, atol=1e-12)
    for key, buffer in (("mean", halves.running_mean), ("variance", halves.running_var)):
        torch.testing.assert_close(made.buffers[f"fusion.norm1.{key}"][0], buffer)


def _initial(layout: Layout) -> torch.Tensor:
    return layout.initial_row(torch_generator(0))[None].double()


def test_hyper_parameters_of_unim2_and_stego() -> None:
    config = small_config(modalities=("rgb", "depth", "nir"))
    names = [declared.name for declared in hyper_parameters(config)]
    six = ["lambda_self", "b_self", "lambda_knn", "b_knn", "lambda_random", "b_random"]
    assert names == [*six, "lambda_cmcs.depth", "lambda_cmcs.nir"]
    assert {"rgb.b_knn", "nir.lambda_self"} <= {
        declared.name for declared in modality_hyper_parameters(config)
    }
    stego = dataclasses.replace(config, method=MethodConfig(name="stego"))
    assert [declared.name for declared in hyper_parameters(stego)] == six
    defaults = {declared.name: declared.default for declared in hyper_parameters(stego)}
    assert defaults == {
        "lambda_self": 0.7939, "b_self": 0.8975, "lambda_knn": 0.6313, "b_knn": 0.3906,
        "lambda_random": 0.8754, "b_random": 0.7358,
    }  # fmt: skip


def test_the_value_of_one_modality_overrides_the_shared_one() -> None:
    config = small_config(hyper={"b_knn": 0.1, "depth.b_knn": 0.2, "lambda_cmcs.depth": 5.0})
    rows = rows_of(config)
    assert rows[0] == [0.7939, 0.8975, 0.6313, 0.1, 0.8754, 0.7358, 1.0]
    assert rows[1] == [0.7939, 0.8975, 0.6313, 0.2, 0.8754, 0.7358, 5.0]


@pytest.mark.parametrize(
    ("hyper", "phrase"),
    [
        ({"lambda_selff": 0.5}, "unknown name 'lambda_selff'"),
        ({"lambda_self": 1.5}, "from 0 to 1"),
        ({"depth.b_self": -0.1}, "depth.b_self = -0.1"),
        ({"lambda_cmcs.depth": 0.01}, "from 0.05 to 20"),
        ({"lambda_cmcs.rgb": 1.0}, "unknown name 'lambda_cmcs.rgb'"),
        ({"nir.b_self": 0.1}, "or MODALITY.NAME for one modality, such as rgb.lambda_self"),
    ],
)
def test_bad_hyper_parameters_are_refused(hyper: dict[str, float], phrase: str) -> None:
    with pytest.raises(ConfigError, match=phrase.replace(".", r"\.")):
        hyper_values(small_config(hyper=hyper))


def test_unknown_method_lists_the_known() -> None:
    with pytest.raises(ConfigError, match=f"choose one of {', '.join(METHODS)}$"):
        hyper_parameters(small_config(name="hawk"))


def test_stego_has_no_hyper_parameter_of_one_modality() -> None:
    with pytest.raises(ConfigError, match=r"takes lambda_self.*b_random$"):
        hyper_values(small_config(name="stego", hyper={"rgb.b_self": 0.1}))
