"""Settings of the backbone: default weights, and earlier files."""

import pytest

from trainer.config.configuration import BackboneConfig, TrainConfig
from trainer.config.toml_records import build_record, record_to_table
from trainer.errors import ConfigError
from trainer.features.prepare import made_from


@pytest.mark.parametrize(
    ("name", "weights"),
    [("patch-stats", "hub"), ("resnet50", "hub"), ("efficientnet-lite0", "package")],
)
def test_the_default_of_the_weights_is_that_of_the_name(name: str, weights: str) -> None:
    config = build_record(TrainConfig, {"backbone": {"name": name}})
    assert config.backbone.weights == weights
    given = build_record(TrainConfig, {"backbone": {"name": name, "weights": "random"}})
    assert given.backbone.weights == "random"


def test_settings_of_a_stored_cache_entry_read_as_before() -> None:
    """Settings added later are left out unless given, so that earlier entries are found."""
    former = {"name": "patch-stats", "weights": "hub", "patch": 8, "output": "tokens"}
    assert made_from(TrainConfig())["backbone"] == former
    assert build_record(BackboneConfig, former) == BackboneConfig()


def test_maps_and_stride_go_to_a_table_and_back() -> None:
    config = BackboneConfig(name="resnet50", blocks=(2, 3), stride=16)
    table = record_to_table(config)
    assert table["blocks"] == [2, 3] and build_record(BackboneConfig, table) == config


@pytest.mark.parametrize("given", [{"blocks": 3}, {"blocks": ["last"]}, {"stride": 1.5}])
def test_settings_of_another_type_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=f"backbone.{next(iter(given))}"):
        build_record(TrainConfig, {"backbone": given})
