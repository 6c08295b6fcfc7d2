"""The schema accepts and refuses the same configuration files as the program."""

import jsonschema
import pytest

from search.config.presets import preset_names, read_preset
from search.config.schema import configuration_page, configuration_schema
from trainer.config.configuration import TrainConfig
from trainer.config.reference import comments_of, settings_of


@pytest.mark.parametrize("preset", preset_names())
def test_every_preset_fits_the_schema(preset: str) -> None:
    jsonschema.validate(read_preset(preset), configuration_schema())


@pytest.mark.parametrize(
    "table",
    [
        {"trainning": {}},
        {"training": {"iterations": "many"}},
        {"training": {"linear_probe": "neither"}},
        {"search": {"trials": 1.5}},
        {"search": {"pruner": "asha"}},
        {"method": {"fusion": "product"}},
        {"data": {"modalities": "rgb"}},
    ],
)
def test_wrong_values_do_not_match_the_schema(table: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(table, configuration_schema())


def test_every_setting_is_described() -> None:
    settings = list(settings_of(TrainConfig))
    assert len(settings) > 30
    assert [setting.name for setting in settings if not setting.meaning] == []


def test_the_page_shows_a_setting_with_type_default_and_meaning() -> None:
    meaning = comments_of(type(TrainConfig().training))["batch_size"]
    assert f"| `batch_size` | integer | `32` | {meaning} |" in configuration_page()


def test_the_page_shows_options_by_name() -> None:
    page = configuration_page()
    assert "[method.options] of the method `unim2`" in page
    pruner = page.split("[search.pruner_options] of the pruner `median`")[1].split("##")[0]
    assert "| `keep` | number | `0.5` |" in pruner
    assert "| `least_full_runs` | integer | `5` | Full runs" in pruner  # inherited
    assert "`evaluations`" not in pruner
