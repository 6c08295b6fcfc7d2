import json

import pytest
from optuna.distributions import FloatDistribution

from search.errors import SettingsError
from search.spaces import SPACES, Space, build_space
from trainer.errors import ConfigError
from trainer.knobs import Knob

from .builders import SPACE


@pytest.mark.parametrize("name", SPACES)
def test_every_space_has_defaults_in_its_ranges_and_survives_json(name):
    space = build_space(name, SPACE.knobs)
    assert list(space.distributions) == list(space.defaults)
    assert space.check(space.defaults) == space.defaults
    assert Space.from_json(json.loads(json.dumps(space.to_json()))) == space


def test_paper_turns_every_knob_on_its_scale():
    space = build_space("paper", SPACE.knobs)
    assert space.distributions == {
        "lambda_self": FloatDistribution(0.0, 1.0),
        "b_self": FloatDistribution(0.0, 1.0),
        "lambda_cmcs.depth": FloatDistribution(0.05, 20.0, log=True),
    }


def test_an_unknown_space_is_refused_with_the_valid_names():
    with pytest.raises(SettingsError, match="unknown search space 'papr': choose one of paper"):
        build_space("papr", SPACE.knobs)


def test_parameters_out_of_range_missing_or_unknown_are_refused():
    with pytest.raises(ConfigError, match=r"b_self = 1\.5 is out of range"):
        SPACE.check({**SPACE.defaults, "b_self": 1.5})
    with pytest.raises(ConfigError, match="missing: b_self"):
        SPACE.check({"lambda_self": 0.5, "lambda_cmcs.depth": 1.0})
    with pytest.raises(ConfigError, match="unknown: b_slef"):
        SPACE.check({**SPACE.defaults, "b_slef": 0.5})


@pytest.mark.parametrize(
    "knobs",
    [
        (),
        (Knob(name="a", low=0, high=1, default=0), Knob(name="a", low=0, high=1, default=0)),
        (Knob(name="a", low=1, high=1, default=1),),
        (Knob(name="a", low=0, high=1, default=1, log=True),),
    ],
)
def test_a_space_that_cannot_be_sampled_is_no_space(knobs):
    with pytest.raises(AssertionError):
        Space(knobs=knobs)
