"""The contract of every method of the table."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.unit.trainer.packing import PackedAndAlone, same_tensors
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
from trainer.config.configuration import TrainConfig
from trainer.engine.run import Run
from trainer.engine.slots import Slots
from trainer.errors import ConfigError
from trainer.methods import (
    METHODS,
    build_method,
    dimensions,
    feature_maps,
    hyper_parameters,
    hyper_values,
    modality_hyper_parameters,
    predicts_from,
    step_values,
)
from trainer.methods.base import Method, StepTerms
from trainer.methods.feature_map import FeatureMap
from trainer.nn.parameters import Views
from trainer.scoring.prediction import codes_of
from trainer.seeds import torch_generator

MODALITIES = ("rgb", "depth", "nir", "aolp")
TOKENS = GRID[0] * GRID[1]
LATE = 8  # of 12 iterations: whatever begins late has begun
#: Those that learn something; the others train the probes alone.
LEARNING = [name for name, entry in METHODS.items() if entry.learns]
FUSIONS = ["sum", "mean", "max", "conv", "ladder"]


def step_of(
    config: TrainConfig,
    *,
    other: FeatureMap | None = None,
    buffers: Views | None = None,
    iteration: int = 0,
) -> tuple[Method, StepTerms, torch.Tensor]:
    """One step of one slot in float64: the method, its result, and the weights.

    A map may hold ``other`` numbers, and ``buffers`` those of a step before.
    """
    method = built(config)
    weights = method.parameters.initial_row(torch_generator(0, "p")).double()[None]
    weights.requires_grad_()
    if buffers is None:
        row = method.buffers.initial_row(torch_generator(0, "b")).double()[None]
        buffers = method.buffers.views(row)
    crops = 8 if method.needs.positives else 4
    tokens = small_tensor(1, len(config.data.modalities), crops, TOKENS, 6, seed=1)
    batch = small_batch(tokens, config)
    batch.iteration_S.fill_(iteration)
    if other is not None:
        batch.maps[other].copy_(small_tensor(*batch.maps[other].shape, seed=9).abs())
    made = method.step(
        method.parameters.views(weights),
        buffers,
        batch,
        hyper_of(config),
        small_draws(
            maps=method.needs.maps, masks=method.needs.masks, uniform=method.needs.uniform
        ),
    )
    return method, made, weights


def built(config: TrainConfig) -> Method:
    return build_method(config, channels=6, classes=3)


def loss_of(config: TrainConfig, *, other: FeatureMap | None = None) -> float:
    """Sum of a step's terms, and of those of a late one, which has the buffers of the first."""
    made = step_of(config, other=other)[1]
    after = step_of(config, other=other, buffers=made.buffers, iteration=LATE)[1]
    return sum(float(term.detach()) for each in (made, after) for term in each.terms.values())


@pytest.mark.parametrize("name", LEARNING)
@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("count", [2, 3, 4])
def test_loss_and_gradients_of_several_modalities_are_finite(
    name: str, fusion: str, count: int
) -> None:
    config = small_config(modalities=MODALITIES[:count], name=name, fusion=fusion)
    method, made, weights = step_of(config)
    assert made.codes_SBTK.shape == (1, 4, TOKENS, method.code_dim)
    assert tuple(made.terms) == method.terms
    assert all(term.shape == (1,) and term.isfinite().all() for term in made.terms.values())
    (gradient,) = torch.autograd.grad(sum(made.terms.values(), torch.zeros(1)), weights)
    assert gradient.isfinite().all() and gradient.abs().max() > 0
    for key, view in method.parameters.views(gradient).items():
        assert view.abs().max() > 0, key  # each of its weights is learnt


@pytest.mark.parametrize("name", METHODS)
def test_one_modality_trains_or_is_refused_in_one_line(name: str) -> None:
    config = small_config(modalities=("rgb",), name=name)
    if METHODS[name].least_modalities == 1:
        _, made, weights = step_of(config)
        if not METHODS[name].learns:
            assert made.codes_SBTK.isfinite().all()
            return
        (gradient,) = torch.autograd.grad(sum(made.terms.values(), torch.zeros(1)), weights)
        assert gradient.isfinite().all() and gradient.abs().max() > 0
        return
    for refused in (hyper_values, step_values, built):
        with pytest.raises(ConfigError, match=f"'{name}' needs 2 modalities") as caught:
            refused(config)
        assert "\n" not in str(caught.value) and "['rgb']: add one" in str(caught.value)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("count", [2, 4])
def test_declared_hyper_parameters_fit_their_ranges(name: str, count: int) -> None:
    config = small_config(modalities=MODALITIES[:count], name=name)
    declared = (*hyper_parameters(config), *modality_hyper_parameters(config))
    assert len({each.name for each in declared}) == len(declared)
    for each in declared:
        assert each.low < each.high and each.meaning
        assert each.check(each.default) == each.default
        assert each.published is None or each.check(each.published) == each.published
        assert each.low > 0 or not each.log


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("count", [2, 4])
def test_every_hyper_parameter_changes_the_loss(name: str, count: int) -> None:
    modalities = MODALITIES[:count]
    config = small_config(modalities=modalities, name=name)
    default = loss_of(config)
    for each in (*hyper_parameters(config), *modality_hyper_parameters(config)):
        between = {each.name: 0.6 * each.low + 0.4 * each.high}
        moved = small_config(modalities=modalities, name=name, hyper=between)
        assert loss_of(moved) != default, each.name


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("count", [2, 4])
def test_a_common_factor_of_redundant_weights_changes_lengths_of_gradients_alone(
    name: str, count: int
) -> None:
    config = small_config(modalities=MODALITIES[:count], name=name, fusion="sum")
    values = hyper_values(config)
    names = {each.name for each in hyper_parameters(config)}
    assert dimensions(config, names) in (len(names), len(names) - 1)
    for factors in METHODS[name].resolved(config.method).redundant(config.data.modalities):
        if not factors <= names:
            continue  # those of single modalities
        halved = {each: values[each] / 2 for each in factors}
        changed = dataclasses.replace(config, hyper=values | halved)
        for key, (first, second) in gradients_of(config, changed).items():
            alike = [torch.allclose(second, first * by, rtol=1e-9) for by in (0.5, 1.0)]
            assert any(alike), key


@pytest.mark.parametrize(
    ("method", "searched"),
    [
        ({"name": "smooseg"}, {"lambda_data"}),
        ({"name": "eagle"}, {"lambda_positive", "lambda_negative", "lambda_objects"}),
        ({"name": "primaps", "base": "smooseg"}, {"lambda_data"}),
    ],
)
def test_weights_of_a_whole_gradient_have_one_dimension_less(
    method: dict[str, Any], searched: set[str]
) -> None:
    assert dimensions(small_config(**method), searched) == len(searched) - 1


def gradients_of(*configs: TrainConfig) -> dict[str, tuple[torch.Tensor, ...]]:
    """The gradient of each weight, for every configuration."""
    found = []
    for config in configs:
        method, made, weights = step_of(config)
        (gradient,) = torch.autograd.grad(sum(made.terms.values(), torch.zeros(1)), weights)
        found.append(method.parameters.views(gradient))
    return {key: tuple(each[key] for each in found) for key in found[0]}


def test_dimensions_of_a_search_for_each_modality() -> None:
    config = small_config(modalities=MODALITIES[:3], name="unim2")
    names = {each.name for each in modality_hyper_parameters(config)}
    assert len(names) == 21 and dimensions(config, names) == 6 * 3 - 1
    assert dimensions(config, names - {"rgb.weight"}) == 20 - 2
    shared = {each.name for each in hyper_parameters(config)}
    assert dimensions(config, {*shared, "learning_rate"}) == len(shared)
    assert dimensions(config, shared - {"lambda_self"}) == len(shared) - 1


@pytest.mark.parametrize("name", METHODS)
def test_step_reads_the_same_names_for_any_given_values(name: str) -> None:
    config = small_config(modalities=MODALITIES, name=name)
    declared = (*hyper_parameters(config), *modality_hyper_parameters(config))
    given = dataclasses.replace(config, hyper={each.name: each.high for each in declared})
    assert list(step_values(given)) == list(step_values(config))


@pytest.mark.parametrize("name", LEARNING)
def test_the_loss_falls_on_tiny_features(name: str) -> None:
    dataset_features = small_dataset_features(crops=4)  # one batch an epoch
    # a learnt fusion would move the target of some methods
    config = small_config(name=name, fusion="sum", training={"learning_rate": 5e-3})
    slots, losses = Slots.start([config], dataset_features, CPU), []
    for _ in range(60):
        slots.step()
        losses.append(slots.take_loss(0)[0])
    assert sum(losses[-10:]) < sum(losses[:10])


@pytest.mark.parametrize("name", LEARNING)
def test_low_precision_changes_the_loss_little(name: str) -> None:
    dataset_features, losses = small_dataset_features(), []
    for precision in ("fp32", "bf16"):
        config = small_config(name=name, training={"precision": precision})
        slots = Slots.start([config], dataset_features, CPU)
        slots.step()
        losses.append(slots.take_terms(0))
    assert losses[0] != losses[1]
    assert losses[1] == {term: pytest.approx(value, rel=0.05) for term, value in losses[0].items()}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("fusion", ["sum", "conv", "ladder"])
@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.usefixtures("one_thread")
def test_packed_slots_equal_single_runs_bit_for_bit(name: str, fusion: str, count: int) -> None:
    modalities = MODALITIES[:count]
    configs = []
    for seed in range(3):
        base = small_config(modalities=modalities, seed=seed, name=name, fusion=fusion)
        declared = (*hyper_parameters(base), *modality_hyper_parameters(base))[seed:]
        hyper = {each.name: each.low + (each.high - each.low) / (seed + 2) for each in declared}
        configs.append(dataclasses.replace(base, hyper=hyper))
    runs = PackedAndAlone(configs, small_dataset_features(modalities=modalities))
    runs.step(4)  # over the short batch of an epoch of three
    runs.assert_equal()


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("fusion", ["sum", "ladder"])
def test_a_run_resumes_from_its_checkpoint_bit_for_bit(
    tmp_path: Path, name: str, fusion: str
) -> None:
    dataset_features, config = small_dataset_features(), small_config(name=name, fusion=fusion)
    undisturbed = Run.start(config, dataset_features, CPU)
    undisturbed.advance()
    undisturbed.save(tmp_path / "run")
    resumed = Run.restore(tmp_path / "run", config, dataset_features, CPU)
    assert undisturbed.advance() == resumed.advance()
    assert same_tensors(resumed._slots.state(0), undisturbed._slots.state(0))


@pytest.mark.parametrize("name", METHODS)
def test_intermediate_maps_end_in_the_code_used_for_prediction(name: str) -> None:
    config = small_config(modalities=MODALITIES, name=name)
    method = built(config)
    weights = method.parameters.views(method.parameters.initial_row(torch_generator(0))[None])
    buffers = method.buffers.views(method.buffers.initial_row(torch_generator(0))[None])
    tokens = small_tensor(1, 4, 2, TOKENS, 6).float()
    intermediate_maps = method.intermediate_maps(weights, buffers, tokens)
    assert torch.equal(intermediate_maps.code_NTK, method.encode(weights, buffers, tokens)[0])
    assert {*intermediate_maps.specific, *intermediate_maps.harmonised} <= set(MODALITIES)
    for other in intermediate_maps.others.values():
        assert other.shape[:2] == (2, TOKENS) and other.isfinite().all()


@pytest.mark.parametrize("name", METHODS)
def test_the_code_depends_on_the_modalities_that_predictions_need(name: str) -> None:
    config = small_config(modalities=MODALITIES, name=name, fusion="sum")
    method, needed = built(config), predicts_from(config)
    assert needed[0] == MODALITIES[0]
    weights = method.parameters.views(method.parameters.initial_row(torch_generator(0))[None])
    buffers = method.buffers.views(method.buffers.initial_row(torch_generator(0))[None])
    tokens = small_tensor(1, 4, 2, TOKENS, 6).float()
    code = method.encode(weights, buffers, tokens)
    for place, modality in enumerate(MODALITIES):
        changed = tokens.clone()
        changed[:, place] += small_tensor(2, TOKENS, 6, seed=1).float()
        same = torch.equal(code, method.encode(weights, buffers, changed))
        assert same is (modality not in needed)


@pytest.mark.parametrize("name", METHODS)
def test_every_declared_map_changes_the_loss(name: str) -> None:
    config = small_config(modalities=MODALITIES, name=name)
    for each in feature_maps(config):
        assert each.modality in MODALITIES
        assert loss_of(config, other=each) != loss_of(config), each.name


@pytest.mark.parametrize("name", METHODS)
def test_the_code_is_as_wide_as_the_method_says(name: str) -> None:
    dataset_features = small_dataset_features(modalities=MODALITIES)
    config = small_config(modalities=MODALITIES, name=name)
    method, slots = built(config), Slots.start([config], dataset_features, CPU)
    code = codes_of(slots.scored(0), dataset_features.val.features, MODALITIES, CPU)
    assert code.shape == (5, TOKENS, method.code_dim)


@pytest.mark.parametrize("name", [name for name in METHODS if name not in LEARNING])
def test_a_method_that_learns_nothing_trains_the_probes_alone(name: str) -> None:
    slots = Slots.start([small_config(name=name)], small_dataset_features(), CPU)
    before = slots.state(0)
    for _ in range(3):
        slots.step()
    after = slots.state(0)
    assert not torch.equal(before["probes.leaf_SP"], after["probes.leaf_SP"])
    assert torch.equal(before["buffers"], after["buffers"])
    assert after["model.leaf_SP"].numel() == 0
    assert slots.take_loss(0) == (0.0, True) and slots.take_terms(0) == {}


def test_declarations_are_read_without_torch() -> None:
    program = """
import sys
from trainer.config.configuration import MethodConfig, TrainConfig
from trainer.methods import METHODS, hyper_parameters, hyper_values, step_values
for name in METHODS:
    config = TrainConfig(method=MethodConfig(name=name))
    learns = METHODS[name].learns
    assert bool(hyper_parameters(config)) == bool(hyper_values(config)) == learns
    assert bool(step_values(config)) == learns
assert "torch" not in sys.modules
"""
    outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (outcome.returncode, outcome.stderr) == (0, "")
