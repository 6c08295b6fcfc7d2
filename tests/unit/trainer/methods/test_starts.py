"""Starts at the frozen features: the code begins at their principal components."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.unit.trainer.packing import PackedAndAlone
from tests.unit.trainer.small import CPU, small_config, small_dataset_features
from trainer.config.configuration import TrainConfig
from trainer.engine.run import Run
from trainer.engine.slots import Slots
from trainer.errors import ConfigError
from trainer.methods import hyper_values
from trainer.scoring.prediction import codes_of
from trainer.scoring.probes import CENTRES, unit_centres

MODALITIES = ("rgb", "depth", "nir")
#: Methods and settings under which the features go through unchanged.
STARTS: dict[str, dict[str, Any]] = {
    "stego, mean": {"name": "stego", "fusion": "mean"},
    "stego, conv": {"name": "stego", "fusion": "conv"},
    "unim2, mean": {"name": "unim2", "fusion": "mean", "msn_residual": True},
    "unim2, conv": {"name": "unim2", "fusion": "conv", "msn_residual": True},
    "unim2, no MSN": {"name": "unim2", "fusion": "conv", "msn": False},
    "unim2, raw": {"name": "unim2", "fusion": "conv", "msn": False, "pre_norm": "none"},
    "stego, first": {"name": "stego", "fusion": "conv", "start": "first"},
    "unim2, first": {"name": "unim2", "fusion": "conv", "msn_residual": True, "start": "first"},
}


def config_of(settings: dict[str, Any], count: int = 2, **others: Any) -> TrainConfig:
    start = {"start": "identity"} | settings
    return small_config(modalities=MODALITIES[:count], **start, **others)


def start_tokens(config: TrainConfig, features: Any) -> NDArray[np.float64]:
    """What training starts from, (tokens, C), of unit features where they are normed."""
    first = getattr(config.method.options, "start", "random") == "first"
    names = config.data.modalities[:1] if first else config.data.modalities
    maps = np.stack([features[name] for name in names]).astype(np.float64)
    norm = getattr(config.method.options, "pre_norm", "none")
    if norm == "l2" and len(config.data.modalities) > 1:
        maps /= np.linalg.norm(maps, axis=-1, keepdims=True)
    tokens: NDArray[np.float64] = maps.mean(axis=0).reshape(-1, maps.shape[-1])
    return tokens


@pytest.mark.parametrize("settings", STARTS.values(), ids=STARTS)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_code_begins_at_the_principal_components(settings: dict[str, Any], count: int) -> None:
    dataset_features = small_dataset_features(modalities=MODALITIES[:count])
    config = config_of(settings, count)
    slots = Slots.start([config], dataset_features, CPU)
    train, val = (
        start_tokens(config, split.features)
        for split in (dataset_features.train, dataset_features.val)
    )
    _, _, directions = np.linalg.svd(train - train.mean(axis=0), full_matrices=False)
    code = codes_of(slots.scored(0), dataset_features.val.features, config.data.modalities, CPU)
    expected = (val - train.mean(axis=0)) @ directions[:4].T
    expected *= np.sign(directions[np.arange(4), np.abs(directions[:4]).argmax(axis=1)])
    assert code.reshape(-1, 4).numpy() == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("settings", STARTS.values(), ids=STARTS)
def test_the_cluster_probe_begins_at_k_means_of_that_code(settings: dict[str, Any]) -> None:
    dataset_features = small_dataset_features()
    scored = Slots.start([config_of(settings)], dataset_features, CPU).scored(0)
    code = codes_of(scored, dataset_features.train.features, MODALITIES[:2], CPU)
    tokens = torch.nn.functional.normalize(code.flatten(0, 1), dim=1)
    centres = unit_centres(scored.probes)[0]
    nearest = (tokens @ centres.mT).argmax(dim=1)
    means = [tokens[nearest == cluster].mean(dim=0) for cluster in range(len(centres))]
    again = torch.nn.functional.normalize(torch.stack(means), dim=1)
    torch.testing.assert_close(again, centres, rtol=0, atol=1e-4)  # another round moves none


def test_the_cluster_probe_of_a_random_start_begins_at_random_centres() -> None:
    dataset_features = small_dataset_features()
    other = dataclasses.replace(dataset_features, train=small_dataset_features(crops=10).train)
    probes = [
        Slots.start([small_config(name="unim2")], each, CPU).scored(0).probes[CENTRES]
        for each in (dataset_features, other)
    ]
    assert torch.equal(*probes)


@pytest.mark.parametrize("settings", STARTS.values(), ids=STARTS)
def test_every_weight_is_learnt_from_there(settings: dict[str, Any]) -> None:
    slots = Slots.start([config_of(settings)], small_dataset_features(), CPU)
    before = slots.state(0)["model.leaf_SP"]
    for _ in range(5):
        slots.step()
    assert slots.take_loss(0)[1] is True
    after = slots.state(0)["model.leaf_SP"]
    assert (before != after).float().mean() > 0.95  # a rectifier may keep a few at rest


@pytest.mark.parametrize("settings", STARTS.values(), ids=STARTS)
@pytest.mark.usefixtures("one_thread")
def test_packed_slots_start_and_train_as_single_runs(settings: dict[str, Any]) -> None:
    configs = [config_of(settings, seed=seed) for seed in range(3)]
    runs = PackedAndAlone(configs, small_dataset_features())
    for steps in (0, 4):
        runs.step(steps)
        runs.assert_equal()
    one, other = (slots.state(0)["model.leaf_SP"] for slots in runs.alone[:2])
    assert not torch.equal(one, other)


@pytest.mark.parametrize("settings", STARTS.values(), ids=STARTS)
def test_a_run_resumes_bit_for_bit(settings: dict[str, Any], tmp_path: Path) -> None:
    dataset_features, config = small_dataset_features(), config_of(settings)
    undisturbed = Run.start(config, dataset_features, CPU)
    undisturbed.advance()
    undisturbed.save(tmp_path / "run")
    resumed = Run.restore(tmp_path / "run", config, dataset_features, CPU)
    assert undisturbed.advance() == resumed.advance()


@pytest.mark.parametrize("name", ["stego", "unim2"])
def test_random_is_the_default_and_reads_no_features(name: str) -> None:
    dataset_features = small_dataset_features()
    other = dataclasses.replace(dataset_features, train=small_dataset_features(crops=10).train)
    for maps in other.train.features.values():
        maps[:] = 0
    config = small_config(name=name)
    assert config.method.options.start == "random"
    assert config == small_config(name=name, start="random")
    states = [Slots.start([config], each, CPU).state(0) for each in (dataset_features, other)]
    assert torch.equal(states[0]["model.leaf_SP"], states[1]["model.leaf_SP"])


def test_channels_of_the_code_beyond_those_of_the_features_are_zero() -> None:
    dataset_features = small_dataset_features()
    slots = Slots.start([config_of(STARTS["stego, mean"], code_dim=9)], dataset_features, CPU)
    code = codes_of(
        slots.scored(0), dataset_features.val.features, dataset_features.modalities, CPU
    )
    assert code.shape[-1] == 9 and not code[..., 6:].any() and code[..., :6].abs().min() > 0


@pytest.mark.parametrize(
    ("settings", "fix"),
    [
        ({"name": "stego", "fusion": "ladder"}, "set method.fusion to 'mean' or 'conv'"),
        ({"name": "unim2", "fusion": "ladder", "msn": False}, "set method.fusion to 'mean'"),
        ({"name": "unim2", "fusion": "conv"}, "set method.options.msn_residual to true"),
        ({"name": "stego", "fusion": "mean", "start": "first"}, "set method.fusion to 'conv'"),
        (
            {"name": "unim2", "fusion": "conv", "start": "first"},
            "set method.options.msn_residual to true",
        ),
    ],
)
def test_settings_without_an_identity_start_are_refused_in_one_line(
    settings: dict[str, Any], fix: str
) -> None:
    with pytest.raises(ConfigError, match=fix) as raised:
        hyper_values(config_of(settings))
    assert "\n" not in str(raised.value)
    assert hyper_values(config_of(settings, count=1))  # nothing to fuse: nothing is in the way
