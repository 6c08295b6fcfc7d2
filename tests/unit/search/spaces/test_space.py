import dataclasses
import json

import pytest
from optuna.distributions import FloatDistribution

from search.errors import SettingsError
from search.samplers.startup import startup_point
from search.spaces import SPACES, Space, build_space, held_values
from search.spaces.entry import SpaceEntry
from tests.unit.search.builders import SPACE
from tests.unit.trainer.small import rows_of
from trainer.config.configuration import DataConfig, MethodConfig, TrainConfig
from trainer.errors import ConfigError
from trainer.hyper_parameters import HyperParameter
from trainer.methods import hyper_parameters

RUN = TrainConfig(data=DataConfig(modalities=("rgb", "depth")))
SIX = ["lambda_self", "b_self", "lambda_knn", "b_knn", "lambda_random", "b_random"]
UNIT = FloatDistribution(0.0, 1.0)


def run_with(**hyper: float) -> TrainConfig:
    return dataclasses.replace(RUN, hyper=hyper)


def names(space: Space) -> list[str]:
    return [each.name for each in space.hyper_parameters]


@pytest.mark.parametrize("name", SPACES)
def test_every_space_has_defaults_in_its_ranges_and_survives_json(name: str) -> None:
    ranges = {} if name == "fixed" else {"learning_rate": (1e-4, 1e-2)}
    space = build_space(name, RUN, ranges)
    assert list(space.distributions) == list(space.defaults)
    assert space.check(space.defaults) == space.defaults
    assert Space.from_json(json.loads(json.dumps(space.to_json()))) == space


def test_a_space_is_one_entry_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = SpaceEntry(
        searched=lambda config: hyper_parameters(config)[1:],
        held=lambda config: {hyper_parameters(config)[0].name: 0.5},
    )
    assert isinstance(SPACES, dict)
    monkeypatch.setitem(SPACES, "short", entry)
    assert names(build_space("short", RUN, {})) == [*SIX[1:], "lambda_cmcs.depth"]
    assert held_values("short", RUN) == {SIX[0]: 0.5}
    with pytest.raises(SettingsError, match=r"'short' holds it at 0\.5"):
        build_space("short", RUN, {SIX[0]: (0.1, 0.2)})


def test_paper_searches_every_hyper_parameter_on_its_scale() -> None:
    assert build_space("paper", RUN, {}).distributions == {
        **dict.fromkeys(SIX, UNIT),
        "lambda_cmcs.depth": FloatDistribution(0.05, 20.0, log=True),
    }


def test_per_modality_turns_seven_numbers_a_modality_as_released() -> None:
    space = build_space("per-modality", RUN, {})
    expected = [f"{modality}.{name}" for modality in ("rgb", "depth") for name in (*SIX, "weight")]
    assert space.distributions == dict.fromkeys(expected, UNIT)
    assert space.defaults["rgb.weight"] == space.defaults["depth.weight"] == 0.5
    assert space.defaults["depth.b_knn"] == 0.3906


def test_weights_of_modalities_are_equivalent_to_lambda_cmcs() -> None:
    """The released parameterisation reaches every ratio; equal trial 0s differ in scale alone."""
    released = RUN.with_trial(hyper={"rgb.weight": 0.2, "depth.weight": 0.8}, seed=0)
    paper = RUN.with_trial(hyper={"lambda_cmcs.depth": 4.0}, seed=0)
    rows = [rows_of(config) for config in (released, paper)]
    assert [row[:6] for row in rows[0]] == [row[:6] for row in rows[1]]
    assert rows[0][1][6] / rows[0][0][6] == pytest.approx(rows[1][1][6] / rows[1][0][6])


def test_stego_has_no_hyper_parameters_per_modality() -> None:
    stego = dataclasses.replace(RUN, method=MethodConfig(name="stego"))
    with pytest.raises(SettingsError, match="stego has no per-modality hyper-parameters; give"):
        build_space("per-modality", stego, {})


def test_a_range_narrows_a_hyper_parameter_and_clips_its_default() -> None:
    space = build_space("paper", RUN, {"b_knn": (0.1, 0.5), "b_self": (0.2, 0.6)})
    assert space.distributions["b_knn"] == FloatDistribution(0.1, 0.5)
    assert space.defaults["b_knn"] == 0.3906
    assert space.defaults["b_self"] == 0.6
    assert names(space) == [*SIX, "lambda_cmcs.depth"]


def test_a_range_adds_the_learning_rate_by_its_logarithm_from_the_configured_value() -> None:
    space = build_space("paper", RUN, {"learning_rate": (1e-4, 1e-2)})
    assert space.distributions["learning_rate"] == FloatDistribution(1e-4, 1e-2, log=True)
    assert space.defaults["learning_rate"] == RUN.training.learning_rate


def test_a_range_adds_a_per_modality_hyper_parameter_beside_the_shared_one() -> None:
    space = build_space("paper", RUN, {"depth.b_self": (0.0, 0.3)})
    assert {"b_self", "depth.b_self"} <= set(names(space))


def test_fixed_hyper_parameters_are_not_searched_in_any_modality() -> None:
    assert "b_self" not in names(build_space("paper", run_with(b_self=0.5), {}))
    space = build_space("per-modality", run_with(b_self=0.5), {})
    assert "rgb.b_self" not in names(space) and "depth.b_self" not in names(space)


def test_a_shared_hyper_parameter_without_effect_is_not_searched() -> None:
    fixed = run_with(**{"rgb.b_self": 0.5, "depth.b_self": 0.4})
    assert "b_self" not in names(build_space("paper", fixed, {}))
    with pytest.raises(SettingsError, match="every modality has its own b_self"):
        build_space("per-modality", RUN, {"b_self": (0.1, 0.2)})


def test_a_space_without_hyper_parameters_is_refused() -> None:
    every = {each.name: each.default for each in hyper_parameters(RUN)}
    with pytest.raises(SettingsError, match="every hyper-parameter is fixed"):
        build_space("paper", run_with(**every), {})


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("b_slef", (0.0, 0.5), "--range b_slef: there is no such name; did you mean 'b_self'"),
        ("moon", (0.0, 0.5), "choose one of lambda_self, .*rgb.weight.*learning_rate"),
        ("b_self", (0.0, 1.5), r"--range b_self=0:1.5 exceeds .* stay within 0:1"),
        ("learning_rate", (0.0, 0.1), "searched by its logarithm: give numbers above 0"),
        ("learning_rate", (-1.0, 0.1), "searched by its logarithm: give numbers above 0"),
        ("b_self", (0.5, 0.5), "is not a range"),
        ("b_self", (0.6, 0.5), "is not a range"),
        ("b_self", (0.1, float("inf")), "is not a range"),
        ("b_self", (0.1,), "is not a range"),
    ],
)
def test_ranges_that_are_none_are_refused(
    name: str, given: tuple[float, ...], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        build_space("paper", RUN, {name: given})


def test_an_unknown_space_is_refused_with_the_valid_names() -> None:
    with pytest.raises(SettingsError, match="unknown search space 'papr': choose one of paper"):
        build_space("papr", RUN, {})


def test_parameters_out_of_range_missing_or_unknown_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"b_self = 1\.5 is out of range"):
        SPACE.check({**SPACE.defaults, "b_self": 1.5})
    with pytest.raises(ConfigError, match="missing: b_self"):
        SPACE.check({"lambda_self": 0.5, "lambda_cmcs.depth": 1.0})
    with pytest.raises(ConfigError, match="unknown: b_slef"):
        SPACE.check({**SPACE.defaults, "b_slef": 0.5})


@pytest.mark.parametrize(
    "given",
    [
        (
            HyperParameter(name="a", low=0, high=1, default=0),
            HyperParameter(name="a", low=0, high=1, default=0),
        ),
        (HyperParameter(name="a", low=1, high=1, default=1),),
        (HyperParameter(name="a", low=0, high=1, default=1, log=True),),
    ],
)
def test_a_space_that_cannot_be_sampled_is_refused(given: tuple[HyperParameter, ...]) -> None:
    with pytest.raises(AssertionError):
        Space(hyper_parameters=given)


def test_shares_of_the_ranges_are_on_each_scale() -> None:
    space = Space(
        (
            HyperParameter(name="plain", low=-1, high=3, default=0),
            HyperParameter(name="log", low=0.01, high=100, default=1, log=True),
        )
    )
    assert space.to_unit({"log": 1.0, "plain": 0.0}) == pytest.approx([0.25, 0.5])
    assert space.to_unit({"log": 100.0, "plain": -1.0, "other": 5.0}) == pytest.approx([0, 1])


def test_fixed_searches_nothing_for_any_method() -> None:
    frozen = dataclasses.replace(RUN, method=MethodConfig(name="kmeans"))
    for config in (RUN, frozen):
        space = build_space("fixed", config, {})
        assert space.hyper_parameters == () and space.check({}) == {}
        assert startup_point(space, 0, 3) == startup_point(space, 1, 3) == {}
    with pytest.raises(SettingsError, match=r"--range b_knn: search\.space = 'fixed'"):
        build_space("fixed", RUN, {"b_knn": (0.1, 0.5)})
