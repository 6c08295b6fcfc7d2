"""``[method.options]``: its record, its errors, and earlier names of settings."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.unit.trainer.small import CPU, small_config, small_dataset_features
from trainer.commands.setup import read_config
from trainer.config.configuration import MethodConfig, TrainConfig
from trainer.config.former_names import FORMER_SETTINGS
from trainer.config.layers import fitting, lay_over
from trainer.config.toml_records import build_record, record_to_table
from trainer.engine.run import Run, config_of
from trainer.errors import ConfigError
from trainer.methods import METHODS
from trainer.methods.mmd import MMDOptions
from trainer.methods.stego import StegoOptions
from trainer.methods.unim2 import UniM2Options
from trainer.records import Report

#: Checkpoints of the revision before there were options, and the report that it made next.
FORMER = Path(__file__).parents[3] / "fixtures" / "checkpoints_before_options"


def method_of(**table: Any) -> MethodConfig:
    return build_record(TrainConfig, {"method": table}).method


def test_options_are_read_by_the_methods_own_record() -> None:
    assert method_of().options == UniM2Options()
    assert method_of(options={"cmh": "shared"}).options == UniM2Options(cmh="shared")
    assert method_of(name="mmd", options={"tokens": 64}).options == MMDOptions(tokens=64)
    assert method_of(name="stego").options == StegoOptions()


@pytest.mark.parametrize("name", METHODS)
def test_a_resolved_table_has_every_option_and_is_read_back(name: str) -> None:
    config = TrainConfig(method=MethodConfig(name=name))
    table = json.loads(json.dumps(record_to_table(config)))
    assert table["method"]["options"] == record_to_table(METHODS[name].options())
    assert build_record(TrainConfig, table) == config


@pytest.mark.parametrize(
    ("table", "phrase"),
    [
        ({"options": {"cmhh": "shared"}}, "unknown key 'cmhh' in table [method.options]: did"),
        ({"options": {"cmh": "own"}}, "method.options.cmh = 'own' is not known: choose one of"),
        ({"options": 3}, "method.options = 3 should be a table; write [method.options]"),
        ({"name": "coral", "options": {"msn": True}}, "the method coral has no options"),
        ({"name": "stego", "options": {"msn": True}}, "unknown key 'msn' in table [method.opt"),
        ({"name": "mmd", "options": {"tokens": 1.5}}, "method.options.tokens = 1.5 should be"),
        ({"name": "hawk", "options": {}}, "method.name = 'hawk' is not known: choose one of"),
        # by their former names
        ({"cmh": "own"}, "method.options.cmh = 'own' is not known"),
        ({"cmh": "shared", "options": {"cmh": "shared"}}, "the former name of method.options.cmh"),
        ({"name": "coral", "msn": True}, "unknown key 'msn' in table [method]"),
        ({"name": "hawk", "msn": True}, "method.name = 'hawk' is not known"),
        ({"name": ["unim2"]}, "method.name = ['unim2'] should be a text"),
        ({"msn": True, "options": [1]}, "method.options = [1] should be a table"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(table: dict[str, Any], phrase: str) -> None:
    with pytest.raises(ConfigError) as caught:
        method_of(**table)
    assert phrase in str(caught.value) and "\n" not in str(caught.value)


def test_settings_by_their_earlier_names_are_options() -> None:
    former: dict[str, Any] = {
        "msn": False, "msn_residual": True, "pre_norm": "none", "cmh": "shared",
        "anchor": "none", "target_dropout": "always",
    }  # fmt: skip
    assert former.keys() == {*FORMER_SETTINGS}
    assert method_of(fusion="sum", **former) == MethodConfig(
        fusion="sum", options=UniM2Options(**former)
    )
    # stego never read the others, and they changed nothing
    assert method_of(name="stego", **former).options == StegoOptions(target_dropout="always")
    assert method_of(cmh="shared", options={"msn": False}).options == UniM2Options(
        cmh="shared", msn=False
    )


def test_a_file_with_earlier_names_is_read(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('[method]\nfusion = "sum"\ncmh = "shared"\nmsn = false\n')
    method = read_config(path).method
    assert method.fusion == "sum"
    assert isinstance(method.options, UniM2Options)
    assert (method.options.cmh, method.options.msn) == ("shared", False)


@pytest.mark.parametrize(
    ("lower", "upper", "made"),
    [
        # a user's own file overrides a preset, whichever names they use
        ({"options": {"cmh": "shared"}}, {"cmh": "per-modality"}, UniM2Options()),
        ({"cmh": "shared"}, {"options": {"cmh": "per-modality"}}, UniM2Options()),
        ({"cmh": "shared"}, {"options": {"msn": False}}, UniM2Options(cmh="shared", msn=False)),
        ({"options": {"cmh": "shared"}}, {"msn": False}, UniM2Options(cmh="shared", msn=False)),
        ({"options": {"tokens": 9}}, {"name": "mmd"}, MMDOptions(tokens=9)),
        (
            {"name": "unim2", "options": {"cmh": "shared"}},
            {"name": "unim2", "fusion": "sum"},
            UniM2Options(cmh="shared"),
        ),
    ],
)
def test_layers_of_options(lower: dict[str, Any], upper: dict[str, Any], made: Any) -> None:
    below, above = {"method": lower}, {"method": upper}
    table = lay_over(below, above)
    assert build_record(TrainConfig, table).method.options == made
    assert below == {"method": lower} and above == {"method": upper}


def test_a_preset_drops_settings_of_another_method_or_data_set() -> None:
    below = {
        "data": {"name": "nyu", "options": {"classes": 4}},
        "method": {"name": "unim2", "options": {"cmh": "shared"}},
        "hyper": {"lambda_cmcs.depth": 6.6},
    }
    for own in ({}, {"method": {"fusion": "sum"}, "data": {"seed": 3}}, {"method": 3}):
        assert fitting(below, own) == below
    other = fitting(below, {"method": {"name": "coral"}, "data": {"name": "rooms"}})
    assert other == {"data": {"name": "nyu"}, "method": {"name": "unim2"}}


def test_a_preset_keeps_options_that_both_methods_have() -> None:
    below = {
        "method": {
            "name": "unim2",
            "fusion": "conv",
            "options": {"start": "identity", "msn_residual": True},
        }
    }
    other = fitting(below, {"method": {"name": "stego"}})
    assert other["method"]["options"] == {"start": "identity"}
    made = build_record(TrainConfig, lay_over(other, {"method": {"name": "stego"}}))
    assert made.method.options == StegoOptions(start="identity")
    for name in ("kmeans", "unknown", 3):
        assert "options" not in fitting(below, {"method": {"name": name}})["method"]


def test_a_preset_of_another_method_can_be_the_base(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('base = "nyu-s16-published"\n[method]\nname = "coral"\n')
    config = read_config(path)
    assert config.method.code_dim == 70 and config.hyper == {}


def former_config(name: str) -> TrainConfig:
    """The settings of the checkpoint's run, by today's names."""
    modalities = ("rgb", "depth", "nir")
    if name == "stego":
        hyper = {"b_self": 0.25}
        return small_config(modalities=modalities, name="stego", fusion="sum", hyper=hyper)
    return small_config(
        modalities=modalities,
        cmh="shared",
        anchor="none",
        pre_norm="standardise",
        hyper={
            "b_knn": 0.1,
            "depth.b_knn": 0.2,
            "lambda_cmcs.depth": 5.0,
            "depth.weight": 0.3,
        },
    )


@pytest.mark.parametrize("name", ["stego", "unim2"])
def test_a_checkpoint_of_the_revision_before_is_resumed(tmp_path: Path, name: str) -> None:
    folder, config = tmp_path / name, former_config(name)
    shutil.copytree(FORMER / name, folder)
    assert config_of(folder) == config
    dataset_features = small_dataset_features(modalities=config.data.modalities)
    resumed = Run.restore(folder, config, dataset_features, CPU).advance()
    expected = Report.from_json(json.loads((FORMER / f"{name}.json").read_text()))
    assert resumed.iteration == expected.iteration
    assert resumed.loss == pytest.approx(expected.loss, rel=1e-5)
    assert resumed.terms == {
        term: pytest.approx(value, rel=1e-5) for term, value in expected.terms.items()
    }
    assert resumed.signals.mean_cosine == pytest.approx(expected.signals.mean_cosine, rel=1e-4)
