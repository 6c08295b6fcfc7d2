"""Random settings: they make a study or are refused in one line, but never cause a traceback.

The long form tries 10,000 (``make test-long``); every run of the suite some hundreds of them.
"""

import dataclasses
import json
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from search.config.assignments import nested, parse_fixes, parse_ranges
from search.config.configuration import LaunchConfig, SearchConfig, resolve
from search.config.presets import preset_names
from search.driver.in_memory_study import InMemoryStudy
from search.errors import SearchError
from search.pruners import PRUNERS
from search.samplers import SAMPLERS, find_sampler
from search.spaces import SPACES
from trainer.backbones import BACKBONES
from trainer.config.configuration import TrainConfig
from trainer.datasets import DATASETS
from trainer.errors import TrainerError
from trainer.methods import METHODS

SHORT, LONG = 200, 10_000  # cases
ONE_LINE_AT_MOST = 2_000  # characters


def leaves(record: type[Any], table: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """The types of all settings by their names, of a record and of those in it."""
    found: dict[tuple[str, ...], Any] = {}
    hints = typing.get_type_hints(record)
    for field in dataclasses.fields(record):
        hint, name = hints[field.name], (*table, field.name)
        if dataclasses.is_dataclass(hint):
            found |= leaves(typing.cast("type[Any]", hint), name)
        else:
            found[name] = hint
    return found


SETTINGS = {**leaves(SearchConfig, ("search",)), **leaves(TrainConfig)}
PAIR_NAMES = [f"{term}_{pair}" for term in ("lambda", "b") for pair in ("self", "knn", "random")]
WORDS = [
    *DATASETS, *BACKBONES, *METHODS, *SAMPLERS, *PRUNERS, *SPACES, *preset_names(),
    "rgb", "depth", "even", "last", "best", "published", "held-out", "hub", "random",
    "", " ", "..", "/", "~", "nan", "\x00", "\n", "'; DROP TABLE studies; --", "\U0001d569" * 40,
]  # fmt: skip
NUMBERS = [
    0, -0.0, 1, -1, 2, 3, 4, 7, 8, 16, 32, 64, 255, 0.5, 1e-4, 1e-300, 1e300, 5e-324, 2**31,
    2**63 - 1, 2**63, -(2**63), 2**80, float("inf"), float("-inf"), float("nan"),
]  # fmt: skip

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalar: SearchStrategy[Any] = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(NUMBERS),
    st.booleans(),
    st.integers(),
    st.floats(),
    text,
)
anything: SearchStrategy[Any] = st.recursive(
    scalar,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)


def fitting(hint: Any) -> SearchStrategy[Any]:
    """Values of the right type, which pass the check of types."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        kinds = [kind for kind in arguments if kind is not type(None)]
        return st.one_of([fitting(kind) for kind in kinds])
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(fitting(arguments[0]), max_size=4)
    if origin is not None and issubclass(origin, Mapping):
        names = st.sampled_from([*PAIR_NAMES, "learning_rate", "train", "size", "val"]) | text
        return st.dictionaries(names, fitting(arguments[1]), max_size=3)
    plain: dict[Any, SearchStrategy[Any]] = {
        bool: st.booleans(),
        int: st.integers(0, 40) | st.sampled_from([n for n in NUMBERS if isinstance(n, int)]),
        float: st.floats(0, 1) | st.sampled_from([float(n) for n in NUMBERS]),
        str: st.sampled_from(WORDS),
    }
    return plain.get(hint, anything)


def one_setting() -> SearchStrategy[tuple[tuple[str, ...], Any]]:
    known = st.sampled_from(sorted(SETTINGS)).flatmap(
        lambda name: st.tuples(st.just(name), fitting(SETTINGS[name]) | anything)
    )
    unknown = st.tuples(st.lists(text, min_size=1, max_size=3).map(tuple), anything)
    return st.one_of(known, known, known, unknown)


def as_table(chosen: list[tuple[tuple[str, ...], Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for (*outer, key), value in chosen:
        inner = table
        for name in outer:
            found = inner.get(name)
            inner[name] = inner = found if isinstance(found, dict) else {}
        inner[key] = value
    return table


tables = st.lists(one_setting(), max_size=5).map(as_table)
flags = st.fixed_dictionaries(
    {},
    optional={
        "search.trials": st.integers(-3, 5) | st.integers(),
        "search.seed": st.integers(-3, 5) | st.integers(),
        "search.space": st.sampled_from(WORDS),
        "search.sampler": st.sampled_from(WORDS),
        "search.pruner": st.sampled_from(WORDS),
        "data.modalities": text.map(lambda given: given.split(",")),
        "training.iterations": st.integers(-3, 50) | st.integers(),
    },
)
assignment = st.one_of(
    st.builds("{}={}".format, st.sampled_from(PAIR_NAMES), scalar),
    st.builds("{}={}:{}".format, st.sampled_from(PAIR_NAMES), scalar, scalar),
    text,
)


class Folder:
    """The folder of the case's file."""

    path: Path


@pytest.fixture(autouse=True, scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    Folder.path = tmp_path_factory.mktemp("settings")


def study_or_one_line(make: Callable[[], LaunchConfig]) -> LaunchConfig | None:
    """The settings, if a study can be made of them; None if they are refused in one line."""
    try:
        config = make()
    except (SearchError, TrainerError) as error:
        message = str(error)
        assert message and "\n" not in message and len(message) < ONE_LINE_AT_MOST, message
        return None
    table = config.to_table()
    json.dumps(table, allow_nan=False)  # as PostgreSQL takes it
    json.dumps(config.space().to_json(), allow_nan=False)
    assert LaunchConfig.from_table(json.loads(json.dumps(table))) == config
    study, space = InMemoryStudy("study").study, config.space()
    for number in (0, 3):
        propose = find_sampler(config.search.sampler)
        drawn = propose(study, space, number, config.search.seed)
        assert config.train.with_trial(hyper=drawn, seed=1)
    return config


def check_tables(preset: str, table: dict[str, Any], given_flags: dict[str, Any]) -> None:
    file = Folder.path / "case.toml"
    file.write_text(tomli_w.dumps(table), encoding="utf-8")
    study_or_one_line(lambda: resolve(preset, file, nested(given_flags)))


def check_bytes(data: bytes) -> None:
    file = Folder.path / "bytes.toml"
    file.write_bytes(data)
    study_or_one_line(lambda: resolve("rooms", file, {}))


def check_assignments(fixes: list[str], ranges: list[str]) -> None:
    study_or_one_line(
        lambda: resolve(
            "rooms",
            None,
            nested({"hyper": parse_fixes(fixes), "search.ranges": parse_ranges(ranges)}),
        )
    )


def cases(count: int) -> settings:
    """This many cases, the same ones every time, however long one takes."""
    return settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


presets = st.just("rooms") | st.sampled_from(WORDS)
some_bytes = st.binary(max_size=60) | tables.map(
    lambda table: tomli_w.dumps(table).encode()[:-1] + b"="
)
assignments = st.lists(assignment, max_size=3)


@cases(SHORT)
@given(presets, tables, flags)
def test_tables_and_flags(preset: str, table: dict[str, Any], given_flags: Any) -> None:
    check_tables(preset, table, given_flags)


@cases(SHORT // 3)
@given(some_bytes)
def test_files_of_any_bytes(data: bytes) -> None:
    check_bytes(data)


@cases(SHORT // 3)
@given(assignments, assignments)
def test_fixes_and_ranges(fixes: list[str], ranges: list[str]) -> None:
    check_assignments(fixes, ranges)


@pytest.mark.parametrize(
    "table",
    [
        {"search": {"ranges": {"\n": "cityscapes"}}},  # found by ten thousand cases
        {"search": {"ranges": {"\n": [0.0, 1.0]}}},
        {"search": {"ranges": {"\n": [1.0, 0.0]}}},
        {"hyper": {"\n": "x"}},
        {"hyper": {"\n": 1.0}},
        {"\n": {"\n": 1.0}},
    ],
    ids=repr,
)
def test_a_key_with_a_line_break_is_refused_in_one_line(table: dict[str, Any]) -> None:
    file = Folder.path / "key.toml"
    file.write_text(tomli_w.dumps(table), encoding="utf-8")
    assert study_or_one_line(lambda: resolve("rooms", file, {})) is None


@pytest.mark.long
@pytest.mark.timeout(3600)
@cases(LONG)
@given(presets, tables, flags, some_bytes, assignments, assignments)
def test_ten_thousand(
    preset: str,
    table: dict[str, Any],
    given_flags: Any,
    data: bytes,
    fixes: list[str],
    ranges: list[str],
) -> None:
    check_tables(preset, table, given_flags)
    check_bytes(data)
    check_assignments(fixes, ranges)


def test_the_cases_are_not_all_refused(tmp_path: Path) -> None:
    """Otherwise only refusals would be tried."""
    made = []

    @cases(60)
    @given(tables)
    def count(table: dict[str, Any]) -> None:
        file = tmp_path / "case.toml"
        file.write_text(tomli_w.dumps(table), encoding="utf-8")
        made.append(study_or_one_line(lambda: resolve("rooms", file, {})) is not None)

    count()
    assert 0.05 < sum(made) / len(made) < 0.95
