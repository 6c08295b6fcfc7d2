import math
import random  # noqa: TID251 - only to see that it is not used
import warnings
from collections.abc import Sequence
from typing import Literal

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from search.driver.in_memory_study import InMemoryStudy
from search.errors import SettingsError
from search.records.outcome import Pruned
from search.samplers import SAMPLERS, STARTUP_TRIALS, Sampler, find_sampler
from search.samplers.optuna_seed import optuna_seed
from tests.unit.search.builders import SPACE, add_finished, random_params, running

SEED = 7


def searched(trials: int = 30, running_trials: int = 0) -> InMemoryStudy:
    """A study of trials whose value is best at lambda_self = 0.2, some of them pruned."""
    memory = InMemoryStudy("study")
    for number in range(trials):
        params = random_params(number)
        score = 30.0 - 20 * abs(params["lambda_self"] - 0.2)
        outcome = Pruned(kind="behind", reason="why") if number % 5 == 3 else None
        add_finished(memory, [score, score], outcome, params)
    for number in range(trials, trials + running_trials):
        memory.add(running(random_params(number)))
    return memory


@pytest.fixture(params=SAMPLERS)
def sampler(request: pytest.FixtureRequest) -> Sampler:
    return find_sampler(request.param)


def test_an_unknown_sampler_is_refused_with_the_valid_names() -> None:
    with pytest.raises(SettingsError, match="unknown sampler 'tep': choose one of tpe, tpe-un"):
        find_sampler("tep")


def test_trial_0_has_the_defaults(sampler: Sampler) -> None:
    assert sampler(InMemoryStudy("study").study, SPACE, 0, SEED) == SPACE.defaults


@pytest.mark.parametrize("number", [1, 19, 20, 21, 200])
def test_proposals_fit_the_space_and_are_plain_floats(sampler: Sampler, number: int) -> None:
    proposed = sampler(searched().study, SPACE, number, SEED)
    assert SPACE.check(proposed) == proposed
    assert {type(value) for value in proposed.values()} == {float}


@pytest.mark.parametrize("number", [1, 19, 20, 35])
def test_the_same_arguments_give_the_same_proposal_after_a_rebuild(
    sampler: Sampler, number: int
) -> None:
    memory = searched(running_trials=3)
    rebuilt = InMemoryStudy("study", memory.trials())
    proposed = sampler(memory.study, SPACE, number, SEED)
    assert sampler(memory.study, SPACE, number, SEED) == proposed
    assert sampler(rebuilt.study, SPACE, number, SEED) == proposed


@pytest.mark.parametrize("number", [1, 25])
def test_seed_and_number_both_count(sampler: Sampler, number: int) -> None:
    study = searched().study
    proposed = sampler(study, SPACE, number, SEED)
    assert sampler(study, SPACE, number, SEED + 1) != proposed
    assert sampler(study, SPACE, number + 1, SEED) != proposed


def test_a_proposal_changes_neither_the_study_nor_global_random_state(sampler: Sampler) -> None:
    memory = searched(running_trials=2)
    before = [repr(trial) for trial in memory.trials()]
    python_state, numpy_state = random.getstate(), np.random.get_state()
    for number in (0, 1, 32):
        sampler(memory.study, SPACE, number, SEED)
    assert random.getstate() == python_state
    assert all(map(np.array_equal, np.random.get_state(), numpy_state))
    assert [repr(trial) for trial in memory.trials()] == before


def test_no_warning_leaks(sampler: Sampler) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sampler(searched().study, SPACE, 30, SEED)


def test_gp_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    SAMPLERS["gp"](searched().study, SPACE, 30, SEED)
    assert capfd.readouterr() == ("", "")


def test_startup_does_not_depend_on_earlier_trials(sampler: Sampler) -> None:
    empty, full = InMemoryStudy("study").study, searched(running_trials=3).study
    for number in range(STARTUP_TRIALS):
        assert sampler(empty, SPACE, number, SEED) == sampler(full, SPACE, number, SEED)


def test_startup_points_spread_over_the_log_scale() -> None:
    study = InMemoryStudy("study").study
    points = [SAMPLERS["tpe"](study, SPACE, number, SEED) for number in range(1, 17)]
    logs = [math.log(point["lambda_cmcs.depth"] / 0.05) / math.log(400) for point in points]
    flat = [point["b_self"] for point in points]
    for shares in (logs, flat):  # a Sobol sequence: any half of the range gets half of 16 points
        assert 7 <= sum(share < 0.5 for share in shares) <= 9
        assert {int(4 * share) for share in shares} == {0, 1, 2, 3}


def test_sobol_continues_the_startup_points() -> None:
    study = InMemoryStudy("study").study
    sobol, tpe = SAMPLERS["sobol"], SAMPLERS["tpe"]
    for number in (0, 1, 19):
        assert sobol(study, SPACE, number, SEED) == tpe(study, SPACE, number, SEED)
    points = [tuple(sobol(study, SPACE, n, SEED).values()) for n in range(64)]
    assert len(set(points)) == 64


@pytest.mark.parametrize(("name", "proposals"), [("tpe", 15), ("tpe-univariate", 15), ("gp", 3)])
def test_a_sampler_that_learns_goes_to_the_best_place(name: str, proposals: int) -> None:
    study = searched(trials=60).study
    numbers = range(60, 60 + proposals)
    proposed = [SAMPLERS[name](study, SPACE, number, SEED) for number in numbers]
    assert abs(np.median([params["lambda_self"] for params in proposed]) - 0.2) < 0.1


@pytest.mark.parametrize(("name", "multivariate"), [("tpe", None), ("tpe-univariate", False)])
def test_tpe_proposes_the_same_as_optunas_public_ask(name: str, multivariate: bool | None) -> None:
    memory = searched(running_trials=2)
    number = len(memory)
    sampler = optuna.samplers.TPESampler(
        n_startup_trials=0, seed=optuna_seed(SEED, number), multivariate=multivariate
    )
    study = InMemoryStudy("study", memory.trials()).study
    study.sampler = sampler
    asked = study.ask(SPACE.distributions)
    assert asked.number == number
    assert SAMPLERS[name](memory.study, SPACE, number, SEED) == asked.params


def test_tpe_uses_the_full_space_even_if_a_trial_lacks_parameters() -> None:
    memory = searched()
    memory.add(optuna.trial.create_trial(state=TrialState.PRUNED))
    whole = SAMPLERS["tpe"](memory.study, SPACE, 40, SEED)
    without = SAMPLERS["tpe"](searched().study, SPACE, 40, SEED)
    assert whole.keys() == without.keys()
    assert abs(whole["lambda_self"] - 0.2) < 0.3


def test_running_trials_count_as_bad_ones() -> None:
    crowded = searched(trials=60)
    free = [SAMPLERS["tpe"](crowded.study, SPACE, n, SEED)["b_self"] for n in range(100, 130)]
    centre = SAMPLERS["tpe"](crowded.study, SPACE, 100, SEED)
    for _ in range(8):
        crowded.add(running(centre))
    kept = [SAMPLERS["tpe"](crowded.study, SPACE, n, SEED)["b_self"] for n in range(100, 130)]

    def distance(values: Sequence[float]) -> float:
        return float(np.median(np.abs(np.asarray(values) - centre["b_self"])))

    assert distance(kept) > distance(free)


def test_a_trial_that_is_already_in_the_study_does_not_count_against_itself() -> None:
    memory = searched()
    proposed = SAMPLERS["tpe"](memory.study, SPACE, 30, SEED)
    assert memory.add(running(proposed)) == 30
    assert SAMPLERS["tpe"](memory.study, SPACE, 30, SEED) == proposed
    assert SAMPLERS["tpe"](memory.study, SPACE, 31, SEED) != proposed


@pytest.mark.parametrize(("name", "proposals"), [("tpe", 20), ("tpe-univariate", 20), ("gp", 3)])
def test_a_sampler_leaves_the_place_where_runs_collapse(name: str, proposals: int) -> None:
    """Collapsed runs had the highest scores; the sampler still goes elsewhere."""

    def searched_with(kind: Literal["collapsed", "behind"]) -> float:
        memory = InMemoryStudy("study")
        for number in range(60):
            params = random_params(number)
            bad = params["lambda_self"] > 0.5
            scores = [50.0] * 15 if bad else [20.0 - 10 * params["lambda_self"]]
            add_finished(memory, scores, Pruned(kind=kind if bad else "behind", reason=""), params)
        numbers = range(60, 60 + proposals)
        proposed = [SAMPLERS[name](memory.study, SPACE, n, SEED) for n in numbers]
        return float(np.mean([params["lambda_self"] > 0.5 for params in proposed]))

    assert searched_with("collapsed") <= 0.1
    assert searched_with("behind") >= 0.9


@pytest.mark.parametrize("outcome", [None, Pruned(kind="collapsed", reason="why")])
def test_gp_proposes_without_trials_or_with_collapsed_ones_alone(outcome: Pruned | None) -> None:
    memory = InMemoryStudy("study")
    if outcome is not None:
        add_finished(memory, [], outcome)
    memory.add(running(random_params(1)))
    proposed = SAMPLERS["gp"](memory.study, SPACE, 30, SEED)
    assert proposed == SAMPLERS["random"](memory.study, SPACE, 30, SEED)


def test_gp_avoids_the_points_of_running_trials() -> None:
    memory = searched(trials=40)
    first = SAMPLERS["gp"](memory.study, SPACE, 50, SEED)
    memory.add(running(first))
    second = SAMPLERS["gp"](memory.study, SPACE, 50, SEED)
    assert second != first
