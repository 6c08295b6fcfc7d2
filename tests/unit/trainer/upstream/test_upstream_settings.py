"""Conversion of the published configurations to ours and back, in every key and number."""

import dataclasses
import operator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fakes.released_yaml import RELEASED, released_yaml
from tests.fakes.trainer_command import call_trainer
from tests.unit.trainer.small import rows_of
from trainer.commands.setup import read_config
from trainer.config.configuration import BackboneConfig, DataConfig, MethodConfig, TrainConfig
from trainer.config.presets import read_preset
from trainer.config.toml_records import build_record
from trainer.errors import ConfigError
from trainer.methods import hyper_values
from trainer.protocols import lay_protocol
from trainer.upstream import read_settings, read_yaml, write_settings, yaml_text

COLUMNS = (
    "weight",
    "lambda_self",
    "b_self",
    "lambda_knn",
    "b_knn",
    "lambda_random",
    "b_random",
)


def settings_of(name: str, **changed: Any) -> dict[str, Any]:
    return {**yaml.safe_load(released_yaml(name)), **changed}


def config_of(name: str, *, protocol: str = "held-out", **changed: Any) -> TrainConfig:
    translation = read_settings(settings_of(name, **changed), protocol=protocol)
    translation.require_whole()
    return translation.config()


@pytest.mark.parametrize("name", RELEASED)
def test_every_published_number_arrives(name: str) -> None:
    config = config_of(name)

    for modality, row in RELEASED[name].items():
        assert [config.hyper[f"{modality}.{name}"] for name in COLUMNS] == list(row)
    assert len(config.hyper) == len(COLUMNS) * len(RELEASED[name])
    assert config.data.modalities == tuple(RELEASED[name])
    assert hyper_values(config)["lambda_cmcs." + config.data.modalities[1]] == 1
    expected = {
        "nyu": (3334, 5e-4, 70, "conv", 10, "vit_small_patch16_dinov3_qkvb"),
        "mfnet": (4334, 7.88e-5, 90, "conv", 10, "vit_base_patch16_dinov3_qkvb"),
        "mcubes": (1334, 1.59e-5, 320, "ladder", 5, "vit_small_patch16_dinov3_qkvb"),
    }[name]
    assert expected == (
        config.training.iterations,
        config.training.learning_rate,
        config.method.code_dim,
        config.method.fusion,
        config.evaluation.every,
        config.backbone.name,
    )
    options = config.method.options
    assert options.cmh == "shared" and options.anchor == "first"
    assert not options.msn_residual and options.pre_norm == "l2"
    assert Path(config.data.root or "").name == {"mcubes": "MCubeS"}.get(name, name)


@pytest.mark.parametrize(
    ("name", "preset"), [("nyu", "nyu-s16"), ("mfnet", "mfnet-b16"), ("mcubes", "mcubes-ia")]
)
@pytest.mark.parametrize("protocol", ["held-out", "published"])
def test_a_published_file_and_our_preset_give_the_same_run(
    name: str, preset: str, protocol: str
) -> None:
    """Except for the common factor of all modality weights, which Adam ignores."""
    table = read_preset(preset + "-published" * (protocol == "published"))
    ours = build_record(TrainConfig, lay_protocol(table))
    theirs = config_of(name, protocol=protocol)

    for section in ("features", "training", "evaluation", "protocol"):
        assert getattr(theirs, section) == getattr(ours, section)
    assert theirs.backbone.name == ours.backbone.name
    assert theirs.data.modalities == ours.data.modalities
    rows = [rows_of(config) for config in (ours, theirs)]
    for our_row, their_row in zip(*rows, strict=True):
        assert our_row[:6] == their_row[:6]
        assert our_row[6] == pytest.approx(their_row[6] / rows[1][0][6], rel=1e-4)


@pytest.mark.parametrize("name", RELEASED)
def test_there_and_back_again(name: str, tmp_path: Path) -> None:
    config = config_of(name)
    settings, _ = write_settings(config)
    path = tmp_path / "released.yml"
    path.write_text(yaml_text(settings, comments=("a comment",)))
    read = read_yaml(path)

    assert read == settings
    translation = read_settings(read, protocol="held-out")
    translation.require_whole()
    assert translation.config() == config
    machine = ("experiment_name", "num_workers", "hydra", "search_lr", "search_dim")
    for key, value in settings_of(name).items():
        if key not in machine and key != "max_steps":
            assert read[key] == (float(value) if key == "lr" else value), key
    assert read["max_steps"] == 3 * config.training.iterations


@pytest.mark.parametrize("preset", ["nyu-b16", "mfnet-s16", "mcubes-in", "mcubes-inad-published"])
def test_our_presets_can_be_written_and_read(preset: str) -> None:
    config = build_record(TrainConfig, lay_protocol(read_preset(preset)))
    options = dataclasses.replace(config.method.options, cmh="shared")
    method = dataclasses.replace(config.method, options=options)
    config = dataclasses.replace(config, method=method)

    settings, comments = write_settings(config)
    again = read_settings(settings, protocol=config.protocol).config()

    assert again.training == config.training and again.evaluation == config.evaluation
    assert again.features == config.features and again.method == config.method
    assert max(again.hyper[f"{name}.weight"] for name in config.data.modalities) <= 1
    rows = [rows_of(each) for each in (config, again)]
    for row, row_again in zip(*rows, strict=True):
        assert row[:6] == row_again[:6]
        ratio = row[6] / rows[0][0][6]
        assert row_again[6] / rows[1][0][6] == pytest.approx(ratio)
    habits = [comment for comment in comments if "always has" in comment]
    assert len(habits) == (1 if config.protocol == "published" else 7), habits  # dtype alone


def test_missing_weights_are_the_defaults_of_the_published_code() -> None:
    settings = settings_of("nyu")
    for key in ("depth_pos_inter_weight", "depth_weight", "pretrained_weights"):
        del settings[key]
    config = read_settings(settings, protocol="held-out").config()

    assert config.hyper["depth.weight"] == 0.5
    assert "depth.lambda_knn" not in config.hyper and hyper_values(config)["lambda_knn"] == 0.6313
    assert config.backbone.weights == BackboneConfig().weights


@pytest.mark.parametrize(
    ("changed", "section", "field", "expected"),
    [
        (
            {"dino_feat_type": "fea", "modality_fusion_output_dim": 1152},
            "backbone",
            "output",
            "tokens3",
        ),
        ({"modality_fusion_method": "max"}, "method", "fusion", "max"),
        ({"normalize_before_fusion": False}, "method.options", "pre_norm", "none"),
        ({"normalization_type": "standardize"}, "method.options", "pre_norm", "standardise"),
        ({"use_modality_residual": True}, "method.options", "msn_residual", True),
        ({"use_modal_projection_head": False}, "method.options", "anchor", "both"),
        ({"rgb_use_soft_alignment": True}, "method.options", "anchor", "none"),
        ({"nonrgb_use_soft_alignment": False}, "method.options", "anchor", "both"),
        ({"crop_type": None}, "features", "crop", "none"),
        ({"max_steps": 7500}, "training", "iterations", 2500),
        ({"max_steps": 100}, "training", "iterations", 34),
        ({"num_neighbors": 3}, "training", "partner_ranks", 3),
        (
            {"model_type": "vit_large", "modality_fusion_output_dim": 1024},
            "backbone",
            "name",
            "vit_large_patch16_dinov3_qkvb.lvd1689m",
        ),
        ({"nyu_num_classes": 4}, "data", "options", {"classes": 4}),
        ({"modals": ["rgb"], "dropout": False}, "method.options", "target_dropout", "never"),
        ({"modals": ["rgb"]}, "data", "modalities", ("rgb",)),
    ],
)
def test_each_key_reaches_its_field_and_is_written_back(
    changed: dict[str, Any], section: str, field: str, expected: Any
) -> None:
    config = config_of("nyu", **changed)

    assert operator.attrgetter(f"{section}.{field}")(config) == expected
    settings, _ = write_settings(config)
    assert read_settings(settings, protocol="held-out").config() == config


@pytest.mark.parametrize(
    ("changed", "phrase"),
    [
        ({"stabalize": True}, "does not have stabalize = True"),
        ({"extra_clusters": 5, "rec_weight": 1.0}, "extra_clusters = 5, rec_weight = 1.0"),
        ({"dimm": 70}, "the key 'dimm' ('dim' is one)"),
        ({"modals": ["depth", "rgb"]}, "begins with 'rgb'"),
        ({"modals": "rgb"}, "should be a list"),
        ({"dataset_name": "cocostuff"}, "choose one of 'nyu', 'mfnet', 'mcubes'"),
        ({"model_type": "vit_tiny"}, "choose one of 'vit_small'"),
        ({"model_type": []}, "model_type = [] is not known"),
        ({"modality_fusion_output_dim": 512}, "is not the 384 channels"),
        ({"lr": "fast"}, "lr = 'fast' should be a number"),
        ({"lr": True}, "lr = True should be a number"),
        ({"dim": 70.5}, "should be a whole number"),
        ({"max_steps": float("inf")}, "should be a finite number"),
        ({"rgb_weight": 1.5}, "rgb.weight = 1.5 is out of range"),
        ({"modals": ["rgb", "thermal"]}, "the key thermal_pos_intra_shift is missing"),
        ({"modality_fusion_method": "attention"}, "modality_fusion_method = 'attention'"),
    ],
)
def test_unreadable_settings_are_refused_in_one_line(changed: dict[str, Any], phrase: str) -> None:
    with pytest.raises(ConfigError) as caught:
        hyper_values(config_of("nyu", **changed))
    assert phrase in str(caught.value) and "\n" not in str(caught.value)


def test_values_of_unused_modalities_are_ignored_with_a_note() -> None:
    translation = read_settings(
        settings_of("nyu", aolp_weight=0.3, aolp_pos_inter_shift=0.2), protocol="held-out"
    )
    assert {"aolp_weight", "aolp_pos_inter_shift", "hydra", "gpu_ids"} <= set(translation.ignored)
    assert not translation.unknown and not translation.lacking


@pytest.mark.parametrize(
    ("config", "phrases"),
    [
        (TrainConfig(), ["data.name = 'rooms'", "backbone.name = 'patch-stats'"]),
        (
            TrainConfig(
                data=DataConfig(name="mcubes", modalities=("rgb", "nir", "dolp")),
                backbone=BackboneConfig(
                    name="vit_small_patch16_dinov3", output="keys3", weights="random"
                ),
                method=MethodConfig(
                    name="stego", dropout=0.2, options={"target_dropout": "always"}
                ),
            ),
            [
                "backbone.weights = 'random'",
                "backbone.output = 'keys3'",
                "method.name = 'stego'",
                "method.fusion = 'conv'",
                "method.dropout = 0.2",
                "method.options.target_dropout = 'always'",
            ],
        ),
        (
            TrainConfig(
                data=DataConfig(name="mcubes", modalities=("rgb", "nir", "dolp")),
                method=MethodConfig(options={"msn": False, "start": "identity"}),
            ),
            [
                "method.options.msn = false",
                "method.options.cmh = 'per-modality'",
                "method.options.start = 'identity'",
            ],
        ),
        (
            TrainConfig(method=MethodConfig(name="coral", options={})),
            ["method.name = 'coral'"],
        ),
        (
            TrainConfig(method=MethodConfig(name="kmeans")),
            ["method.name = 'kmeans'"],
        ),
    ],
)
def test_settings_the_published_code_cannot_run_are_refused_with_every_reason(
    config: TrainConfig, phrases: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        write_settings(config)
    text = str(caught.value)
    assert "\n" not in text and all(phrase in text for phrase in phrases)


def test_fused_images_are_not_exported() -> None:
    config = config_of("mfnet")
    data = dataclasses.replace(config.data, modalities=("rgb", "fused"))
    shared = {name: value for name, value in config.hyper.items() if "thermal" not in name}
    with pytest.raises(ConfigError, match=r"data\.modalities = \['rgb', 'fused'\]"):
        write_settings(dataclasses.replace(config, data=data, hyper=shared))


def test_stego_on_one_modality_is_the_published_codes_single_modality() -> None:
    config = TrainConfig(
        data=DataConfig(name="nyu", root="here", modalities=("rgb",)),
        backbone=BackboneConfig(name="vit_base_patch16_dinov3.lvd1689m"),
        method=MethodConfig(name="stego"),
        hyper={"b_self": 0.25},
    )
    settings, comments = write_settings(config)

    assert settings["modals"] == ["rgb"] and settings["rgb_pos_intra_shift"] == 0.25
    assert settings["rgb_weight"] == 1 and settings["pytorch_data_dir"] == "here"
    assert settings["pretrained_weights"].endswith("vitb16_pretrain_lvd1689m-73cec8be.pth")
    assert any("looks for the folder nyu" in comment for comment in comments)


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("a: [1", "is not valid YAML"),
        ("- 1\n- 2\n", "holds no table"),
        ("1: 2\n", "holds no table"),
        ("x: !!python/object/apply:os.system ['true']\n", "is not valid YAML"),
        ("\x00", "is not valid YAML"),
        ("modals: ['rgb']\n", "the key dataset_name is missing"),
    ],
)
def test_files_without_a_configuration_are_refused(text: str, phrase: str, tmp_path: Path) -> None:
    (tmp_path / "file.yml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_settings(read_yaml(tmp_path / "file.yml"), protocol="held-out")
    assert phrase in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="give an existing YAML file"):
        read_yaml(tmp_path / "none.yml")


def test_numbers_without_a_point_stay_numbers() -> None:
    text = yaml_text({"a": 1e-5, "b": 5e-4, "c": None, "d": ["x"], "e": {"f": True}})
    assert yaml.safe_load(text) == {"a": 1e-5, "b": 5e-4, "c": None, "d": ["x"], "e": {"f": True}}


def test_the_command_line_reads_writes_and_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, toml, back = (tmp_path / name for name in ("nyu.yml", "nyu.toml", "back.yml"))
    source.write_text(released_yaml("nyu"))
    wide = ("--out", toml, "--protocol", "published")

    assert call_trainer("import-config", source, *wide) == 0
    printed = capsys.readouterr().out
    assert "iterations: 3334" in printed and "gpu_ids" in printed and "hydra" in printed
    assert read_config(toml) == config_of("nyu", protocol="published")
    assert call_trainer("import-config", source, *wide) == 2  # it exists
    assert call_trainer("export", toml, "--out", back) == 0
    assert "note: the published code always has features.dtype" in capsys.readouterr().out
    assert call_trainer("export", toml) == 0
    assert capsys.readouterr().out == back.read_text()
    assert call_trainer("export", tmp_path / "none.toml") == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
