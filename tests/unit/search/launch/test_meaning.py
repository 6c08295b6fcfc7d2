"""Trials of other spaces become trials of a study's own."""

import pytest

from search.config.configuration import LaunchConfig, resolve
from search.launch.meaning import Meaning, train_of
from search.samplers.startup import quasi_random_point
from search.spaces.canonical import canonical_vector, same_vector
from trainer.errors import ConfigError


def config_of(space: str) -> LaunchConfig:
    return resolve("rooms", None, {"search": {"space": space}})


def meaning_of(space: str) -> Meaning:
    config = config_of(space)
    return Meaning.of(config.to_table(), config.space())


def test_parameters_of_the_space_stay_to_the_last_bit() -> None:
    meaning, params = meaning_of("paper"), quasi_random_point(config_of("paper").space(), 4, 1)
    assert meaning.fitting(params, None) == params
    assert meaning.fitting(params, config_of("paper").train) == params


@pytest.mark.parametrize("target", ["per-modality", "ratio", "ratio-per-modality"])
def test_parameters_of_another_space_become_the_same_run(target: str) -> None:
    source, meaning = config_of("paper"), meaning_of(target)
    params = source.space().defaults
    moved = meaning.fitting(params, source.train)
    assert moved.keys() == meaning.space.defaults.keys()
    assert same_vector(meaning.vector(moved), canonical_vector(params, source.train))


def test_parameters_that_are_no_such_run_are_refused() -> None:
    source, meaning = config_of("per-modality"), meaning_of("paper")
    params = quasi_random_point(source.space(), 4, 1)
    with pytest.raises(ConfigError, match=r"cannot express|out of range"):
        meaning.fitting(params, source.train)
    with pytest.raises(ConfigError, match="do not fit the search space"):
        meaning.fitting(params, None)  # nobody knows what they mean
    zero = {**config_of("paper").space().defaults, "lambda_random": 0.0}
    with pytest.raises(ConfigError, match="lambda_random is 0"):
        meaning_of("ratio").fitting(zero, config_of("paper").train)


def test_a_configuration_of_another_version_has_no_meaning() -> None:
    assert train_of({"search": {"space": "of the future"}}) is None
    assert train_of(None) is None
    space = config_of("paper").space()
    assert Meaning(space=space, train=None).vector(space.defaults) == {}
