"""Presets against the published numbers, restated by hand."""

import pytest

from tests.fakes.released_yaml import RELEASED
from tests.unit.trainer.small import rows_of
from trainer.config.configuration import TrainConfig
from trainer.config.presets import expand, preset_names, preset_summary, read_preset
from trainer.config.toml_records import build_record, record_to_table
from trainer.errors import ConfigError
from trainer.protocols import (
    PUBLISHED,
    PUBLISHED_METHOD,
    PUBLISHED_OPTIONS,
    lay_protocol,
    protocol_text,
)

RUNS = {  # data set, backbone, modalities, fusion, width of the code, iterations, learning rate
    "nyu-s16": ("nyu", "small", ("rgb", "depth"), "conv", 70, 10_000, 5e-4),
    "nyu-b16": ("nyu", "base", ("rgb", "depth"), "conv", 70, 10_000, 5e-4),
    "mfnet-s16": ("mfnet", "small", ("rgb", "thermal"), "conv", 90, 13_000, 7.88e-5),
    "mfnet-b16": ("mfnet", "base", ("rgb", "thermal"), "conv", 90, 13_000, 7.88e-5),
    "mcubes-in": ("mcubes", "small", ("rgb", "nir"), "ladder", 320, 4000, 1.59e-5),
    "mcubes-ia": ("mcubes", "small", ("rgb", "aolp"), "ladder", 320, 4000, 1.59e-5),
    "mcubes-id": ("mcubes", "small", ("rgb", "dolp"), "ladder", 320, 4000, 1.59e-5),
    "mcubes-ind": ("mcubes", "small", ("rgb", "nir", "dolp"), "ladder", 320, 4000, 1.59e-5),
    "mcubes-inad": (
        "mcubes", "small", ("rgb", "nir", "aolp", "dolp"), "ladder", 320, 4000, 1.59e-5,
    ),
}  # fmt: skip

#: Those that a search uses unchanged.
SEARCHED = {
    "cityscapes-rgbd",
    "cityscapes-rgbd-dinov3",
    "defaults",
    "nyu-cpu",
    "nyu-s14",
    "own",
    "own-gpu",
    "rooms",
}
#: Those for two processor cores, and those for a GPU.
SIZED = [("own", "own-gpu"), ("nyu-cpu", "nyu-s14")]

#: Weight of the whole loss, then lambda and b of self, KNN and random pairs, per modality.
TUNED = {
    "nyu-s16": RELEASED["nyu"],
    "mfnet-b16": RELEASED["mfnet"],
    "mcubes-ia": RELEASED["mcubes"],
}


def resolve(name: str) -> TrainConfig:
    table = {key: value for key, value in read_preset(name).items() if key != "search"}
    return build_record(TrainConfig, lay_protocol(table))


def test_every_published_run_has_its_two_presets() -> None:
    published = {*RUNS, *(f"{name}-published" for name in RUNS)}
    assert published | SEARCHED == set(preset_names())


@pytest.mark.parametrize("suffix", ["", "-published"])
@pytest.mark.parametrize("name", RUNS)
def test_presets_have_the_published_settings(name: str, suffix: str) -> None:
    data, size, modalities, fusion, width, counted, rate = RUNS[name]
    config = resolve(name + suffix)
    assert (config.data.name, config.data.modalities) == (data, modalities)
    assert config.backbone.name == f"vit_{size}_patch16_dinov3_qkvb"
    assert (config.features.train_resolution, config.features.eval_resolution) == (224, 320)
    method = config.method
    assert (method.name, method.fusion, method.code_dim) == ("unim2", fusion, width)
    options = method.options
    assert (options.msn, options.msn_residual, options.pre_norm) == (True, False, "l2")
    assert (options.anchor, method.dropout) == ("first", 0.1)
    training = config.training
    assert training.iterations == -(-counted // 3)  # three optimisers were counted a batch
    assert (training.batch_size, training.learning_rate) == (32, rate)
    assert (training.probe_learning_rate, training.samples) == (5e-3, 11)
    assert (training.random_draws, training.partner_ranks) == (5, 7)
    assert config.features.neighbours == 30 and training.precision == "fp32"


@pytest.mark.parametrize("suffix", ["", "-published"])
@pytest.mark.parametrize("name", RUNS)
def test_lambda_and_b_are_published_or_default_values(name: str, suffix: str) -> None:
    config = resolve(name + suffix)
    tuned = TUNED.get(name)
    text = "Give data.root" if suffix == "" else "published protocol"
    assert text in preset_summary(name + suffix)
    if tuned is None:
        assert config.hyper == {}
        return
    rows = rows_of(config)
    for modality, row in zip(config.data.modalities, rows, strict=True):
        weight, *pairs = tuned[modality]
        assert row[:6] == pairs
        assert row[6] == pytest.approx(weight / tuned["rgb"][0], abs=5e-5)


@pytest.mark.parametrize("name", RUNS)
def test_pairs_of_presets_differ_in_their_protocol_alone(name: str) -> None:
    held_out, published = (record_to_table(resolve(name + end)) for end in ("", "-published"))
    assert protocol_text(held_out) == "held-out"
    assert protocol_text(published) == "published"
    different = {
        f"{section}.{key}"
        for section, settings in published.items()
        if isinstance(settings, dict) and section != "hyper"
        for key, value in settings.items()
        if held_out[section].get(key) != value
    }
    assert different <= {f"{table}.{key}" for table in PUBLISHED for key in PUBLISHED[table]} | {
        "data.options",
        "method.options",
    }
    assert published["method"]["options"] == held_out["method"]["options"] | PUBLISHED_METHOD
    assert published["data"]["options"].keys() <= PUBLISHED_OPTIONS.keys()
    assert published["data"]["options"]["val"] == "test"
    assert held_out["hyper"] == published["hyper"]
    assert published["evaluation"]["every"] == (5 if name.startswith("mcubes") else 10)


@pytest.mark.parametrize(("small", "large"), SIZED)
def test_presets_for_two_cores_need_no_download_and_are_smaller(small: str, large: str) -> None:
    few, many = resolve(small), resolve(large)
    assert (few.backbone.weights, many.backbone.weights) == ("package", "hub")
    assert few.data == many.data
    assert 4 * few.training.iterations < many.training.iterations
    assert few.training.batch_size < many.training.batch_size
    assert many.features.eval_resolution % 14 == 0


def test_an_unknown_preset_is_refused_in_one_line() -> None:
    with pytest.raises(
        ConfigError, match="no preset 'nyu': choose one of cityscapes-rgbd,"
    ) as caught:
        expand({"base": "nyu"})
    assert "\n" not in str(caught.value)
