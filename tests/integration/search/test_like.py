"""``launch --like``: a new search with the settings of a stored one."""

from typing import Any

import pytest
from typer.testing import CliRunner

from search.commands.app import app
from search.config.configuration import resolve, resolve_layers
from search.launch.stored_study import layers_like
from storage.database import Database
from storage.studies import NewStudy, create_study

SETTINGS: dict[str, Any] = {
    "search": {"trials": 7, "ranges": {"b_self": (0.2, 0.6)}, "sampler": "random"},
    "training": {"iterations": 50},
    "hyper": {"b_knn": 0.25},
}


@pytest.fixture
def stored(database: Database) -> dict[str, Any]:
    config = resolve("rooms", None, SETTINGS)
    new = NewStudy(
        config=config.to_table(), space=config.space().to_json(), seed=0, trials=7, versions={},
        revision=None, fingerprints={}, lag=1,
    )  # fmt: skip
    create_study(database.engine, "first", new)
    return config.to_table()


def like(database: Database, **flags: Any) -> dict[str, Any]:
    return resolve_layers(layers_like(database, "first", flags)).to_table()


def ranges_of(table: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = table["search"]["ranges"]
    return found


def test_every_setting_is_taken(database: Database, stored: dict[str, Any]) -> None:
    assert like(database) == stored


@pytest.mark.parametrize(
    ("study", "title"), [("rooms-3", "rooms"), ("mine", "mine"), ("my-2-runs", "my-2-runs")]
)
def test_the_new_study_is_the_next_one_of_that_name(
    study: str, title: str, database: Database
) -> None:
    config = resolve("rooms", None, SETTINGS)
    new = NewStudy(
        config=config.to_table(), space=config.space().to_json(), seed=0, trials=7, versions={},
        revision=None, fingerprints={}, lag=1,
    )  # fmt: skip
    create_study(database.engine, study, new)
    assert layers_like(database, study, {}).title == title


def test_a_flag_overrides_a_fixed_or_searched_hyper_parameter(
    database: Database, stored: dict[str, Any]
) -> None:
    found = like(database, hyper={"b_self": 0.6})
    assert found["hyper"] == {"b_self": 0.6, "b_knn": 0.25} and "b_self" not in ranges_of(found)
    found = like(database, search={"ranges": {"b_self": (0.2, 1.0), "b_knn": (0.1, 0.4)}})
    assert found["hyper"] == {} and {"b_self", "b_knn"} <= ranges_of(found).keys()
    assert found["training"] == stored["training"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--like", "none"], "there is no study 'none'"),
        (["--like", "first", "--preset", "rooms"], "leave out --preset"),
        (["--like", "first", "--detach"], "leave out --preset"),
    ],
)
def test_contradicting_arguments_are_refused_in_one_line(
    arguments: list[str], message: str, database_address: str, stored: dict[str, Any]
) -> None:
    command = ["launch", "--storage", database_address, "--dry-run", *arguments]
    found = CliRunner().invoke(app, command)
    assert (found.exit_code, found.output.count("\n")) == (2, 1) and message in found.output
