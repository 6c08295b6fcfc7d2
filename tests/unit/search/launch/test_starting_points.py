"""Settings of studies of other data sets become the first trials of a search."""

import json
from pathlib import Path
from typing import Any

import pytest

from search.config.configuration import LaunchConfig, resolve
from search.errors import StudyFileError
from search.launch.starting_points import (
    MOST_POINTS,
    StartingPoint,
    as_queued,
    find_starting_points,
)
from search.records.origin import given_parameters, queued_text
from search.records.stored_trial import STARTING_ATTRIBUTE
from search.samplers.startup import quasi_random_point
from search.spaces.canonical import canonical_vector


def config_of(space: str = "paper", *modalities: str, **tables: Any) -> LaunchConfig:
    data = {"name": "nyu", "modalities": list(modalities or ("rgb", "depth"))}
    flags = {"search": {"space": space}, "data": data, **tables}
    return resolve("nyu-cpu", None, flags)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return written(tmp_path / "nyu.json", config_of())


def written(path: Path, source: LaunchConfig, count: int = 8, **changed: Any) -> Path:
    """A file of export whose later trials are better; the last one collapsed."""
    rows = [
        {
            "trial": number,
            "outcome": "collapsed" if number == count - 1 else "complete",
            "value": float(number),
            "params": quasi_random_point(source.space(), number + 1, 0),
            "scores": {},
            "reason": "",
        }
        for number in range(count)
    ]
    table = {"objective": "miou-accuracy", "config": source.to_table(), "trials": rows, **changed}
    path.write_text(json.dumps(table))
    return path


def found(paths: list[Path], config: LaunchConfig, **options: Any) -> tuple[StartingPoint, ...]:
    sources = [str(path) for path in paths]
    settings = {"same_data": False, **options}
    return find_starting_points(None, sources, config, **settings)  # type: ignore[arg-type]


def rooms(space: str = "paper") -> LaunchConfig:
    return resolve("rooms", None, {"search": {"space": space}})


@pytest.mark.parametrize("space", ["paper", "per-modality", "ratio", "ratio-per-modality"])
def test_the_best_settings_of_another_data_set_come_first(study: Path, space: str) -> None:
    config, source = rooms(space), config_of()
    points = found([study], config)
    assert len(points) <= MOST_POINTS
    numbers = [int(point.origin.split()[1]) for point in points]
    assert numbers == sorted(numbers, reverse=True)
    assert 7 not in numbers  # collapsed
    for number, point in zip(numbers, points, strict=True):
        assert point.origin == f"trial {number} of {study} (data set nyu)"
        assert config.space().check(point.params) == point.params
        theirs = canonical_vector(quasi_random_point(source.space(), number + 1, 0), source.train)
        ours = canonical_vector(point.params, config.train)
        assert ours.pop("learning_rate") == config.train.training.learning_rate
        assert ours == pytest.approx({name: theirs[name] for name in ours})


def test_modalities_correspond_by_their_order(study: Path) -> None:
    data = {"name": "folder", "modalities": ["rgb", "normals"], "root": "/nowhere"}
    config = config_of("per-modality", data=data)
    (first, *_) = found([study], config)
    assert {"normals.b_self", "normals.weight"} <= first.params.keys()


def test_a_study_of_the_same_data_is_refused_unless_accepted(study: Path) -> None:
    with pytest.raises(StudyFileError, match="its data set is nyu, too"):
        found([study], config_of("ratio"))
    assert found([study], config_of("ratio"), same_data=True)


def test_another_method_or_number_of_modalities_is_refused(study: Path) -> None:
    with pytest.raises(StudyFileError, match="its method is unim2"):
        found([study], resolve("rooms", None, {"method": {"name": "stego"}}))
    with pytest.raises(StudyFileError, match="it has 2 modalities, and this search has 1"):
        found([study], resolve("rooms", None, {"data": {"modalities": ["rgb"]}}))


def test_a_file_without_configuration_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "bare.json", config_of(), config=None)
    with pytest.raises(StudyFileError, match="does not say what its trials ran"):
        found([path], rooms())


def test_settings_that_no_trial_of_the_space_has_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "each.json", config_of("per-modality"))
    with pytest.raises(StudyFileError, match="no complete trial fits the search space"):
        found([path], rooms("paper"))


def test_two_sources_take_turns_and_equal_points_count_once(tmp_path: Path, study: Path) -> None:
    other = written(tmp_path / "other.json", config_of(), count=4)
    points = found([study, other, study], rooms("per-modality"))
    assert str(other) in points[1].origin
    vectors = [tuple(point.params.values()) for point in points]
    assert len(set(vectors)) == len(vectors) == MOST_POINTS


def test_the_defaults_are_no_starting_point(tmp_path: Path) -> None:
    source = config_of()
    good = quasi_random_point(source.space(), 1, 0)
    rows = [
        {
            "trial": number,
            "outcome": "complete",
            "value": 2.0 - number,
            "params": params,
            "scores": {},
            "reason": "",
        }
        for number, params in enumerate((source.space().defaults, good))
    ]
    path = written(tmp_path / "two.json", source, trials=rows)
    (point,) = found([path], rooms("per-modality"))
    assert point.origin.startswith("trial 1 ")


def test_the_defaults_are_queued_before_the_points() -> None:
    space = rooms().space()
    point = StartingPoint(params={**space.defaults, "b_self": 0.25}, origin="trial 3 of nyu-1")
    first, second = as_queued([point], space.defaults)
    assert given_parameters(first, space) == space.defaults
    assert given_parameters(second, space) == point.params
    text = queued_text(point.params, second.user_attrs[STARTING_ATTRIBUTE])
    assert text == "as a starting point: trial 3 of nyu-1"
    assert as_queued([], space.defaults) == ()


def test_an_unfit_point_says_why(tmp_path: Path) -> None:
    source = config_of()
    rows = [
        {
            "trial": 0,
            "outcome": "complete",
            "value": 1.0,
            "params": {**source.space().defaults, "lambda_random": 0.0},
            "scores": {},
            "reason": "",
        }
    ]
    path = written(tmp_path / "zero.json", source, trials=rows)
    with pytest.raises(StudyFileError, match=r"trial 0: its lambda_random is 0"):
        found([path], rooms("ratio"))
