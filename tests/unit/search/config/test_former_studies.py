"""Studies stored before methods had their own options are read like those of today."""

import json
from pathlib import Path
from typing import Any

import pytest
from optuna.distributions import FloatDistribution

from search.config.configuration import LaunchConfig, differences, resolve
from search.config.protocols import study_protocol
from search.errors import SettingsError
from search.pruners.competitive import CompetitivePruner
from search.spaces import Space
from trainer.config.layers import lay_over
from trainer.errors import ConfigError

#: Resolved configurations and spaces, as that revision stored them.
STORED: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "fixtures" / "studies_before_options.json").read_text(
        encoding="utf-8"
    )
)
FLAGS: dict[str, dict[str, Any]] = {
    "unim2": {},
    "stego": {"method": {"name": "stego"}},
    "stego-published": {
        "protocol": "published",
        "method": {"name": "stego"},
        "search": {"space": "paper"},
    },
}

#: What was the default then.
THEN: dict[str, Any] = {"search": {"sampler": "tpe"}}


@pytest.mark.parametrize("name", FLAGS)
def test_a_stored_study_is_resumed_by_the_same_command(name: str) -> None:
    stored = LaunchConfig.from_stored(STORED[name]["config"])
    today = resolve("rooms", None, lay_over(THEN, FLAGS[name]))
    assert stored == today
    assert differences(stored.to_table(), today.to_table()) == []
    assert study_protocol(STORED[name]["config"]) == study_protocol(today.to_table())


@pytest.mark.parametrize("name", FLAGS)
def test_a_stored_space_has_the_ranges_of_today(name: str) -> None:
    stored, today = (
        Space.from_json(STORED[name]["space"]),
        resolve("rooms", None, FLAGS[name]).space(),
    )
    assert stored.distributions == today.distributions
    assert stored.defaults == today.defaults


def distribution_of(config: LaunchConfig) -> FloatDistribution:
    found = config.space().distributions["lambda_align"]
    assert isinstance(found, FloatDistribution)
    return found


@pytest.mark.parametrize("method", ["coral", "cosine", "mmd"])
def test_the_weight_of_the_alignment_is_searched_fixed_and_ranged_by_name(method: str) -> None:
    flags: dict[str, Any] = {"method": {"name": method}}
    assert distribution_of(resolve("rooms", None, flags)).log
    ranged = {**flags, "search": {"ranges": {"lambda_align": [1.0, 2.0]}}}
    narrowed = distribution_of(resolve("rooms", None, ranged))
    assert (narrowed.low, narrowed.high) == (1.0, 2.0)
    fixed = resolve("rooms", None, {**flags, "hyper": {"lambda_align": 0.5}})
    assert "lambda_align" not in fixed.space().distributions
    assert fixed.train.hyper == {"lambda_align": 0.5}


def test_a_fixed_value_for_another_method_is_refused_and_not_dropped(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    for text, phrase in (
        ('[method.options]\ncmh = "shared"\n', "the method coral has no options"),
        ("[hyper]\n'depth.b_self' = 0.5\n", "depth.b_self: there is no such name"),
        ("search = 3\n", "search = 3 should be a table"),
    ):
        file.write_text(text)
        with pytest.raises((SettingsError, ConfigError), match=phrase):
            resolve("rooms", file, {"method": {"name": "coral"}})
    file.write_text("[hyper]\nb_self = 0.5\n")
    kept = resolve("rooms", file, {"method": {"name": "coral"}})
    assert kept.train.hyper == {"b_self": 0.5}


def test_a_sampler_keeps_its_earlier_name() -> None:
    former, present = (
        LaunchConfig.from_table({"search": {"sampler": name}})
        for name in ("quasi-random", "sobol")
    )
    assert former == present and present.search.sampler == "sobol"
    assert differences(former.to_table(), present.to_table()) == []


def test_a_study_without_a_stored_sampler_has_tpe() -> None:
    stored = STORED["unim2"]["config"]
    older = {**stored, "search": {k: v for k, v in stored["search"].items() if k != "sampler"}}
    assert LaunchConfig.from_stored(older).search.sampler == "tpe"


@pytest.mark.parametrize(
    ("options", "immune"),
    [
        ({}, [*range(20), 20, 30]),
        ({"immune_first": 3, "immune_every": 7}, [0, 1, 2, 7, 14, 21, 28]),
    ],
)
def test_a_stored_study_keeps_its_immune_trials(
    options: dict[str, int], immune: list[int]
) -> None:
    stored = STORED["unim2"]["config"]
    search = {**stored["search"], "pruner_options": options}
    pruner = LaunchConfig.from_table({**stored, "search": search}).pruner()
    assert isinstance(pruner, CompetitivePruner)
    assert [number for number in range(35) if pruner.is_immune(number)] == immune
