"""Searched and fixed hyper-parameters: from flags and files to a trial's configuration."""

import datetime
from pathlib import Path

import pytest
from optuna.trial import TrialState, create_trial

from search.config.assignments import parse_fixes, parse_ranges
from search.config.configuration import LaunchConfig, differences, resolve
from search.errors import SettingsError
from search.records.stored_trial import END_ATTRIBUTE, end_mark
from search.reporting.best_run import best_config
from search.reporting.reading import view_study
from storage.studies import StudyRecord
from trainer.config.configuration import TrainConfig
from trainer.config.toml_records import build_record, read_toml, record_to_table, toml_text
from trainer.errors import ConfigError
from trainer.seeds import derive_seed

RATES = {"search": {"ranges": {"learning_rate": [1e-4, 1e-2]}}}


def test_flags_are_read() -> None:
    assert parse_fixes(["b_self=0.5", " depth.b_knn = 1e-1"]) == {
        "b_self": 0.5,
        "depth.b_knn": 0.1,
    }
    assert parse_ranges(["learning_rate=1e-4:1e-2"]) == {"learning_rate": [1e-4, 1e-2]}


@pytest.mark.parametrize("given", [["b_self"], ["=1"], ["b_self="], ["b_self=big"]])
def test_a_fix_of_another_form_is_refused(given: list[str]) -> None:
    with pytest.raises(SettingsError, match="give NAME=VALUE, such as"):
        parse_fixes(given)


@pytest.mark.parametrize("given", ["b_self", "b_self=1", "b_self=0:1:2", "b_self=a:b", "=0:1"])
def test_a_range_of_another_form_is_refused(given: str) -> None:
    with pytest.raises(SettingsError, match="give NAME=LOW:HIGH, such as"):
        parse_ranges([given])


def test_a_name_given_twice_is_refused() -> None:
    with pytest.raises(SettingsError, match="--fix was given twice for b_self"):
        parse_fixes(["b_self=0.5", "b_self=0.6"])


def test_an_objective_is_chosen_by_name_and_another_one_is_a_difference() -> None:
    plain = resolve("rooms", None, {})
    other = resolve("rooms", None, {"search": {"objective": "miou"}})
    assert (plain.objective().name, other.objective().name) == ("miou-accuracy", "miou")
    assert differences(plain.to_table(), other.to_table()) == [
        "search.objective: miou-accuracy → miou"
    ]
    with pytest.raises(SettingsError, match="unknown objective 'iou': choose one of"):
        resolve("rooms", None, {"search": {"objective": "iou"}})


def test_a_learning_rate_can_be_fixed_like_a_hyper_parameter() -> None:
    config = resolve("rooms", None, {"hyper": {"learning_rate": 0.01, "b_self": 0.5}})
    assert config.train.training.learning_rate == 0.01
    assert config.train.hyper == {"b_self": 0.5}


def test_a_wrong_rate_or_hyper_parameter_is_refused() -> None:
    with pytest.raises(ConfigError, match="learning_rate = -1"):
        resolve("rooms", None, {"hyper": {"learning_rate": -1.0}})
    with pytest.raises(SettingsError, match=r"did you mean 'depth\.b_self'"):
        resolve("rooms", None, {"hyper": {"depth.b_slef": 0.5}})
    with pytest.raises(ConfigError, match=r"\[hyper\]|hyper = "):
        LaunchConfig.from_table({"hyper": 3})


def test_nothing_is_fixed_and_searched() -> None:
    for name, value in (("learning_rate", 0.01), ("b_self", 0.5)):
        both = {"hyper": {name: value}, "search": {"ranges": {name: [1e-3, 0.6]}}}
        with pytest.raises(SettingsError, match=f"{name} is both fixed and searched"):
            resolve("rooms", None, both)


def test_a_flag_overrides_whether_a_file_fixes_or_searches(tmp_path: Path) -> None:
    file = tmp_path / "file.toml"
    file.write_text("[search.ranges]\nlearning_rate = [1e-4, 1e-2]\n[hyper]\nb_self = 0.5\n")
    flags = {"hyper": {"learning_rate": 2e-3}, "search": {"ranges": {"b_self": [0.1, 0.9]}}}
    config = resolve("rooms", file, flags)
    assert config.train.training.learning_rate == 2e-3
    assert config.train.hyper == {} and config.search.ranges == {"b_self": (0.1, 0.9)}


def test_a_flag_overrides_the_ranges_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "ranges.toml"
    file.write_text("[search.ranges]\nlearning_rate = [1e-4, 1e-2]\nb_self = [0.2, 1]\n")
    config = resolve("rooms", file, {"search": {"ranges": {"b_self": [0.5, 0.9]}}})
    assert config.search.ranges == {"learning_rate": (1e-4, 1e-2), "b_self": (0.5, 0.9)}


def test_defaults_outside_their_ranges_are_known() -> None:
    config = LaunchConfig.from_table(
        {"search": {"ranges": {"b_self": [0.1, 0.5], "b_knn": [0.1, 0.5]}}}
    )
    assert config.moved_defaults() == {"b_self": 0.8975}


def test_ranges_are_stored_and_compared() -> None:
    plain, ranged = LaunchConfig(), LaunchConfig.from_table(RATES)
    assert LaunchConfig.from_table(ranged.to_table()) == ranged
    assert differences(ranged.to_table(), ranged.to_table()) == []
    assert differences(plain.to_table(), ranged.to_table()) == [
        "search.ranges.learning_rate: not set → [0.0001, 0.01]"
    ]
    older = plain.to_table()
    # as studies were stored before there were any
    del older["search"]["ranges"], older["search"]["objective"]
    assert LaunchConfig.from_table(older).objective() is plain.objective()
    older = LaunchConfig.from_table(older).to_table()
    assert differences(older, plain.to_table()) == []


def test_a_trial_sets_its_rate_and_overrides_fixed_hyper_parameters() -> None:
    config = TrainConfig(hyper={"b_self": 0.5})
    trial = config.with_trial(hyper={"learning_rate": 0.003, "b_knn": 0.1}, seed=7)
    assert trial.training.learning_rate == 0.003
    assert trial.hyper == {"b_self": 0.5, "b_knn": 0.1}
    assert trial.seed == 7
    assert config.training.learning_rate == TrainConfig().training.learning_rate


def test_the_best_trial_is_exported_as_a_run_that_fit_takes(tmp_path: Path) -> None:
    config = resolve("rooms", None, RATES | {"hyper": {"b_self": 0.5}})
    space = config.space()
    params = {**space.defaults, "learning_rate": 0.00123, "b_knn": 0.25}
    best = create_trial(
        state=TrialState.COMPLETE, value=30.0, params=params, distributions=space.distributions,
        system_attrs={END_ATTRIBUTE: end_mark("s", 0, TrialState.COMPLETE, 30.0)},
    )  # fmt: skip
    best.number = 0
    view = view_study(record_of(config), [best], driver=None, test=None)
    path = tmp_path / "best.toml"
    path.write_text(toml_text(record_to_table(best_config(view))))
    again = build_record(TrainConfig, read_toml(path))
    assert again.training.learning_rate == 0.00123
    assert again.hyper["b_knn"] == 0.25 and again.hyper["b_self"] == 0.5
    assert "learning_rate" not in again.hyper
    assert again.seed == derive_seed(3, 0, "run")


def record_of(config: LaunchConfig) -> StudyRecord:
    return StudyRecord(
        name="s", config=config.to_table(), space=config.space().to_json(), seed=3, trials=1,
        versions={}, fingerprints={}, lag=2, created_at=datetime.datetime.now(datetime.UTC),
        stop_requested=False, finished_at=None,
    )  # fmt: skip


def test_the_space_fixed_has_one_trial_and_no_range_of_a_preset() -> None:
    frozen = {"method": {"name": "kmeans"}, "search": {"space": "fixed", "trials": 1}}
    config = resolve("rooms", None, frozen)
    assert config.space().hyper_parameters == () and config.search.ranges == {}
    assert LaunchConfig.from_table(config.to_table()) == config
    with pytest.raises(SettingsError, match="--trials 2 would all be the same"):
        resolve("rooms", None, {"search": {"space": "fixed", "trials": 2}})
    ranged = {"search": {"space": "fixed", "trials": 1, "ranges": {"b_knn": [0.1, 0.2]}}}
    with pytest.raises(SettingsError, match="searches nothing; leave out the range"):
        resolve("rooms", None, ranged)
