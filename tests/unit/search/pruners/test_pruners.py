import re
from collections.abc import Callable, Sequence

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from search.config.configuration import LaunchConfig
from search.driver.in_memory_study import InMemoryStudy
from search.errors import SettingsError
from search.objectives.miou_accuracy import MIOU_ACCURACY
from search.pruners import PRUNERS, build_pruner, options_of
from search.pruners.full_runs import SearchStudy
from search.pruners.halving import HalvingPruner, HyperbandPruner
from search.pruners.pruner import Pruner
from search.records.origin import counted
from search.records.outcome import Completed, Keep, Prune, Pruned, trial_end
from tests.unit.search.builders import add_finished, imported, running
from trainer.errors import ConfigError
from trainer.seeds import numpy_generator

E = 20


@pytest.fixture(params=PRUNERS)
def pruner(request: pytest.FixtureRequest) -> Pruner:
    return build_pruner(request.param, E)


Decide = Callable[[SearchStudy, FrozenTrial], bool]


def noisy_curves(count: int, evaluations: int = E) -> list[list[float]]:
    """Rising curves with noise: [count, evaluations] scores."""
    generator = numpy_generator("curves", count)
    final = generator.uniform(10, 40, size=(count, 1))
    rise = generator.uniform(0.3, 1.0, size=(count, evaluations)).cumsum(axis=1)
    noise = generator.normal(0, 1, size=(count, evaluations))
    curves: list[list[float]] = (final * (rise / rise[:, -1:]) + noise).tolist()
    return curves


def run_study(
    decide: Decide, curves: Sequence[Sequence[float]], memory: InMemoryStudy
) -> list[int | None]:
    """Train the curves one after the other; the evaluation each was stopped at, None if not."""
    stops: list[int | None] = []
    for curve in curves:
        number, stop = memory.add(running()), None
        for evaluation, score in enumerate(curve, start=1):
            memory.report(number, evaluation, score)
            if evaluation < len(curve) and decide(memory.study, memory.trial(number)):
                stop = evaluation
                break
        outcome = Pruned(kind="behind", reason="") if stop else Completed(value=curve[-1])
        memory.finish(number, trial_end(outcome, [], MIOU_ACCURACY))
        stops.append(stop)
    return stops


def by(pruner: Pruner) -> Decide:
    return lambda study, trial: isinstance(pruner.decide(study, trial), Prune)


def test_an_unknown_pruner_is_refused_with_the_valid_names() -> None:
    with pytest.raises(SettingsError, match="unknown pruner 'asha': choose one of competitive"):
        build_pruner("asha", E)


def test_a_trial_without_a_report_or_without_others_is_kept(pruner: Pruner) -> None:
    memory = InMemoryStudy("study")
    memory.add(running())
    assert pruner.decide(memory.study, memory.trial(0)) == Keep()
    memory.report(0, 1, 1.0)
    assert pruner.decide(memory.study, memory.trial(0)) == Keep()


def test_the_best_trial_so_far_is_kept(pruner: Pruner) -> None:
    memory = InMemoryStudy("study")
    for score in range(25):
        add_finished(memory, [float(score)] * E)
    number = memory.add(running())
    for evaluation in range(1, E + 1):
        memory.report(number, evaluation, 99.0)
        assert pruner.decide(memory.study, memory.trial(number)) == Keep()


def test_nothing_is_stopped_at_the_last_evaluation(pruner: Pruner) -> None:
    memory = InMemoryStudy("study")
    for _ in range(25):
        add_finished(memory, [50.0] * E)
    number = memory.add(running())
    for evaluation in range(1, E + 1):
        memory.report(number, evaluation, 0.0)
    assert pruner.decide(memory.study, memory.trial(number)) == Keep()


def test_decisions_are_the_same_again_and_from_a_rebuilt_study(pruner: Pruner) -> None:
    memory = InMemoryStudy("study")
    curves = noisy_curves(40)
    run_study(by(pruner), curves[:36], memory)
    before = [repr(trial) for trial in memory.trials()]
    for curve in curves[36:]:
        number = memory.add(running())
        for evaluation, score in enumerate(curve, start=1):
            memory.report(number, evaluation, score)
            verdict = pruner.decide(memory.study, memory.trial(number))
            assert pruner.decide(memory.study, memory.trial(number)) == verdict
            rebuilt = InMemoryStudy("study", memory.trials())
            assert pruner.decide(rebuilt.study, rebuilt.trial(number)) == verdict
    assert [repr(trial) for trial in memory.trials()[:36]] == before


@pytest.mark.parametrize("name", [name for name in PRUNERS if name != "none"])
def test_every_pruner_but_none_stops_some_and_says_why_in_one_line(name: str) -> None:
    pruner, memory, reasons = build_pruner(name, E), InMemoryStudy("study"), []

    def decide(study: SearchStudy, trial: FrozenTrial) -> bool:
        verdict = pruner.decide(study, trial)
        if isinstance(verdict, Prune):
            assert verdict.kind == "behind"
            reasons.append(verdict.reason)
        return isinstance(verdict, Prune)

    stops = run_study(decide, noisy_curves(60), memory)
    assert 0 < len([stop for stop in stops if stop]) < 60
    assert all("\n" not in reason and f"evaluation {stop}" in reason
               for reason, stop in zip(reasons, filter(None, stops), strict=True))  # fmt: skip


def test_none_stops_nothing() -> None:
    assert (
        run_study(by(build_pruner("none", E)), noisy_curves(20), InMemoryStudy("study"))
        == [None] * 20
    )


OPTUNAS = [
    (
        HalvingPruner(evaluations=E),
        optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=4),
    ),
    (
        HyperbandPruner(evaluations=E),
        optuna.pruners.HyperbandPruner(min_resource=1, max_resource=E, reduction_factor=3),
    ),
]


@pytest.mark.parametrize(("ours", "optunas"), OPTUNAS, ids=["sha", "hyperband"])
def test_halving_decides_like_optunas_on_trials_one_after_the_other(
    ours: Pruner, optunas: optuna.pruners.BasePruner
) -> None:
    curves = noisy_curves(60)
    expected = run_study(optunas.prune, curves, InMemoryStudy("study"))
    assert run_study(by(ours), curves, InMemoryStudy("study")) == expected
    assert len({stop for stop in expected if stop}) > 1


def test_hyperband_spreads_trials_over_its_brackets() -> None:
    pruner = HyperbandPruner(evaluations=27)
    brackets = [pruner.bracket("study", number) for number in range(200)]
    counts = [brackets.count(bracket) for bracket in range(4)]
    assert counts == sorted(counts, reverse=True)
    assert min(counts) > 0 and sum(counts) == 200


def test_halving_counts_a_skipped_rung_at_the_next_report() -> None:
    memory = InMemoryStudy("study")
    for _ in range(8):
        add_finished(memory, [50.0] * E)
    number = memory.add(running())
    memory.report(number, 1, 60.0)
    memory.report(number, 5, 10.0)  # the score at rung 4 was not finite
    verdict = HalvingPruner(evaluations=E).decide(memory.study, memory.trial(number))
    assert isinstance(verdict, Prune)


def test_the_released_rule_is_a_median_after_five_trials_without_warm_up() -> None:
    pruner = build_pruner("median", E)
    memory = InMemoryStudy("study")
    for _ in range(4):
        add_finished(memory, [50.0] * E)

    def first_report_is_kept() -> bool:
        number = memory.add(running())
        memory.report(number, 1, 49.0)
        return pruner.decide(memory.study, memory.trial(number)) == Keep()

    assert first_report_is_kept()
    add_finished(memory, [50.0] * E)
    assert memory.study.get_trials(states=(TrialState.COMPLETE,))
    assert not first_report_is_kept()


def test_every_setting_of_a_pruner_has_a_default_and_can_be_given() -> None:
    for name, pruner in PRUNERS.items():
        given = {
            setting: getattr(build_pruner(name, E), setting) for setting in options_of(pruner)
        }
        assert build_pruner(name, E, given) == build_pruner(name, E)


def test_a_setting_changes_the_decision() -> None:
    memory = InMemoryStudy("study")
    for score in range(5):
        add_finished(memory, [float(score)] * E)
    number = memory.add(running())
    memory.report(number, 1, 1.5)  # better than two of five
    trial = memory.trial(number)
    assert isinstance(build_pruner("median", E).decide(memory.study, trial), Prune)
    for options in ({"keep": 0.75}, {"warm_up": 0.5}, {"least_full_runs": 6}):
        assert build_pruner("median", E, options).decide(memory.study, trial) == Keep()


@pytest.mark.parametrize(
    ("name", "options", "refusal"),
    [
        ("median", {"kept": 0.5}, "pruner_options.kept is not an option of the pruner median: it"),
        ("none", {"keep": 0.5}, "it has none, leave the table out"),
        ("sha", {"evaluations": 3}, "it has first_rung, reduction"),
        ("sha", {"reduction": 1}, "search.pruner_options.reduction = 1: give 2 or more"),
        (
            "competitive",
            {"keep": 75},
            "search.pruner_options.keep = 75.0: give a share from 0 to 1",
        ),
        ("competitive", {"window": "wide"}, "search.pruner_options.window = 'wide' should be"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(
    name: str, options: dict[str, object], refusal: str
) -> None:
    with pytest.raises((SettingsError, ConfigError), match=re.escape(refusal)):
        LaunchConfig.from_table({"search": {"pruner": name, "pruner_options": options}})


def test_no_pruner_compares_with_imported_trials(pruner: Pruner) -> None:
    memory = InMemoryStudy("study")
    curves = noisy_curves(40)
    for curve in curves:
        memory.add(counted(imported(99.0, [score + 50 for score in curve]), "study"))
    number = memory.add(running())
    for evaluation, score in enumerate(curves[0], start=1):
        memory.report(number, evaluation, score)
        if evaluation < E:
            assert pruner.decide(memory.study, memory.trial(number)) == Keep()
