"""The command ``schema`` prints the schema by which editors check configuration files."""

import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from search.commands.app import app

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def printed() -> str:
    result = CliRunner().invoke(app, ["schema"])
    assert result.exit_code == 0 and result.stderr == ""
    return result.stdout


def test_it_prints_the_schema_of_the_documentation(printed: str) -> None:
    assert printed == (ROOT / "docs" / "configuration.schema.json").read_text(encoding="utf-8")


def test_it_knows_the_tables_of_a_search_and_of_a_run(printed: str) -> None:
    schema = json.loads(printed)
    assert {"search", "data", "method", "training"} <= schema["properties"].keys()
    assert "objective" in schema["properties"]["search"]["properties"]


@pytest.mark.parametrize("preset", ["rooms", "own"])
def test_every_table_of_a_preset_is_in_it(printed: str, preset: str) -> None:
    path = ROOT / "trainer" / "config" / "presets" / f"{preset}.toml"
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    assert tables.keys() <= json.loads(printed)["properties"].keys()
