import dataclasses
import math

import pytest

from search.config.configuration import LaunchConfig, resolve
from search.errors import SettingsError
from search.samplers.startup import quasi_random_point
from search.spaces.canonical import canonical_vector, parameters_for, same_vector
from trainer.errors import ConfigError
from trainer.hyper_parameters import HyperParameter
from trainer.methods import METHODS, step_values
from trainer.methods.entry import common_factor, for_any_modalities
from trainer.methods.pairs import PAIR_HYPER_PARAMETERS, PAIR_WEIGHTS

SHARED = ("paper", "ratio")
PER_MODALITY = ("per-modality", "ratio-per-modality")


def config_of(space: str, **search: object) -> LaunchConfig:
    return resolve("rooms", None, {"search": {"space": space, "ranges": {}, **search}})


@pytest.mark.parametrize(("space", "dimensions"), [("ratio", 6), ("ratio-per-modality", 11)])
def test_only_ratios_are_searched(space: str, dimensions: int) -> None:
    config = config_of(space)
    *chosen, rate = config.space().hyper_parameters
    assert rate.name == "learning_rate"
    assert len(chosen) == dimensions
    for each in chosen:
        if "lambda_" in each.name:
            middle = math.sqrt(each.low * each.high)
            assert each.log
            assert each.high / middle == pytest.approx(20.0)
        else:
            assert not each.log
    # a share of the range that is half is the ratio 1
    params = {each.name: math.sqrt(each.low * each.high or 0.25) for each in chosen}
    found = canonical_vector(params, config.train)
    weights = [value for name, value in found.items() if "lambda_" in name]
    assert weights == pytest.approx([1.0] * len(weights))


@pytest.mark.parametrize("space", [*SHARED, *PER_MODALITY])
def test_the_defaults_are_the_same_run_in_every_space(space: str) -> None:
    config, paper = config_of(space), config_of("paper")
    found = canonical_vector(config.space().defaults, config.train)
    assert same_vector(found, canonical_vector(paper.space().defaults, paper.train))


def test_a_canonical_vector_ignores_the_scale_of_the_loss_alone() -> None:
    config = config_of("per-modality")
    params = quasi_random_point(config.space(), 3, 0)
    scaled = {
        name: value * (0.5 if name.endswith(".weight") else 1) for name, value in params.items()
    }
    other = {**params, "depth.b_knn": params["depth.b_knn"] / 2}
    found = canonical_vector(params, config.train)
    assert same_vector(found, canonical_vector(scaled, config.train))
    assert not same_vector(found, canonical_vector(other, config.train))
    assert "rgb.lambda_random" not in found
    read = step_values(config.train.with_trial(hyper=params, seed=0))
    weights = {m: read[f"{m}.weight"] for m in ("rgb", "depth")}
    ratio = read["depth.lambda_self"] * weights["depth"]
    anchor = read["rgb.lambda_random"] * weights["rgb"]
    assert found["depth.lambda_self"] == pytest.approx(ratio / anchor)


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("source", SHARED)
@pytest.mark.parametrize("target", [*SHARED, *PER_MODALITY])
def test_a_vector_becomes_parameters_of_another_space(
    source: str, target: str, number: int
) -> None:
    given, wanted = config_of(source), config_of(target)
    vector = canonical_vector(quasi_random_point(given.space(), number, 5), given.train)
    try:
        params = parameters_for(vector, wanted.space(), wanted.train)
    except ConfigError as error:  # a ratio of more than 20, which the target cannot express
        assert "out of range" in str(error)
        weights = [value for name, value in vector.items() if "lambda_" in name]
        assert max(weights) > 20 or min(weights) < 1 / 20
        return
    assert same_vector(canonical_vector(params, wanted.train), vector)


def test_a_shared_space_cannot_express_numbers_of_each_modality() -> None:
    given, wanted = config_of("per-modality"), config_of("paper")
    vector = canonical_vector(quasi_random_point(given.space(), 1, 0), given.train)
    with pytest.raises(ConfigError, match="cannot express"):
        parameters_for(vector, wanted.space(), wanted.train)


def test_an_anchor_of_zero_has_no_vector() -> None:
    config = config_of("paper")
    params = {**config.space().defaults, "lambda_random": 0.0}
    assert canonical_vector(params, config.train) == {}
    assert not same_vector({}, {})


def test_what_the_space_holds_is_part_of_the_run_but_not_of_the_settings() -> None:
    config = config_of("ratio")
    assert config.train.hyper == {"lambda_random": 0.05}
    assert config.to_table()["hyper"] == {}
    assert LaunchConfig.from_table(config.to_table()) == config


def test_only_a_range_moves_a_default() -> None:
    assert config_of("ratio").moved_defaults() == {}
    moved = config_of("ratio", ranges={"lambda_self": (0.1, 0.2)}).moved_defaults()
    assert moved == {"lambda_self": pytest.approx(0.0453, abs=1e-4)}


def test_another_value_or_range_of_the_anchor_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"holds it at 0\.05"):
        resolve("rooms", None, {"search": {"space": "ratio"}, "hyper": {"lambda_random": 0.5}})
    with pytest.raises(SettingsError, match=r"holds it at 0\.05"):
        config_of("ratio", ranges={"lambda_random": (0.1, 0.9)})


def test_a_range_within_the_ratio_space_is_logarithmic() -> None:
    config = config_of("ratio", ranges={"lambda_self": (0.01, 0.1)})
    (found,) = (each for each in config.space().hyper_parameters if each.name == "lambda_self")
    assert (found.low, found.high, found.log) == (0.01, 0.1, True)


def test_a_method_without_the_anchor_has_no_ratios_but_a_vector() -> None:
    flags = {"method": {"name": "smooseg"}}
    with pytest.raises(SettingsError, match="has no lambda_random"):
        resolve("rooms", None, {"search": {"space": "ratio", "ranges": {}}, **flags})
    config = resolve("rooms", None, {"search": {"ranges": {}}, **flags})
    defaults = config.space().defaults
    found = canonical_vector(defaults, config.train)
    assert defaults.items() <= found.items()


@pytest.mark.parametrize("name", [name for name in METHODS if METHODS[name].learns])
def test_parameters_of_every_method_are_recovered_from_their_vector(name: str) -> None:
    config = resolve("rooms", None, {"search": {"ranges": {}}, "method": {"name": name}})
    defaults = config.space().defaults
    vector = canonical_vector(defaults, config.train)
    found = parameters_for(vector, config.space(), config.train)
    assert same_vector(canonical_vector(found, config.train), vector)


EDGES = HyperParameter(name="share_of_edges", low=0, high=1, default=0.25, meaning="an example")


@pytest.mark.parametrize("declared", [True, False])
def test_weights_are_those_that_the_method_declares(
    declared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever they are called."""
    names = (*PAIR_WEIGHTS, EDGES.name)
    entry = dataclasses.replace(
        METHODS["stego"],
        hyper_parameters=for_any_modalities(*PAIR_HYPER_PARAMETERS, EDGES),
        redundant=common_factor(*names) if declared else common_factor(),
    )
    assert isinstance(METHODS, dict)
    monkeypatch.setitem(METHODS, "edges", entry)
    flags = {"search": {"space": "ratio", "ranges": {}}, "method": {"name": "edges"}}
    if not declared:
        with pytest.raises(SettingsError, match="edges has no lambda_random, to which other"):
            resolve("rooms", None, flags)
        return
    config = resolve("rooms", None, flags)
    (edges,) = (each for each in config.space().hyper_parameters if each.name == EDGES.name)
    assert edges.log and edges.high / edges.low == pytest.approx(400)
    vector = canonical_vector({**config.space().defaults, EDGES.name: 0.1}, config.train)
    assert vector[EDGES.name] == pytest.approx(2.0)
