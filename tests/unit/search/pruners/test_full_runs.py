"""Decisions from kept full runs equal those from all trials, to the last bit."""

import numpy as np
import pytest
from optuna.trial import FrozenTrial, TrialState

from search.driver.in_memory_study import InMemoryStudy
from search.objectives.miou_accuracy import MIOU_ACCURACY
from search.pruners.competitive import CompetitivePruner
from search.pruners.full_runs import FullRuns, quantile
from search.records.outcome import Completed, Keep, Prune, Pruned, Verdict, trial_end
from tests.unit.search.builders import running
from trainer.seeds import numpy_generator

E = 12
PRUNER = CompetitivePruner(evaluations=E)


def plain_mean(trial: FrozenTrial, evaluation: int) -> float | None:
    window = range(evaluation - PRUNER.window + 1, evaluation + 1)
    found = [trial.intermediate_values[s] for s in window if s in trial.intermediate_values]
    return sum(found) / len(found) if found else None


def plain_bar(memory: InMemoryStudy, number: int) -> float | None:
    """The threshold, computed from all trials; None if the trial is kept without one."""
    evaluation = memory.trial(number).last_step
    if evaluation is None or PRUNER.is_immune(number) or not E / 2 <= evaluation < E:
        return None
    full = memory.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    means = [mean for run in full if (mean := plain_mean(run, evaluation)) is not None]
    return float(np.quantile(means, 0.25)) if len(means) >= PRUNER.least_full_runs else None


def check(memory: InMemoryStudy, number: int) -> Verdict:
    """The pruner's verdict, after a comparison with the plain one."""
    trial, bar = memory.trial(number), plain_bar(memory, number)
    verdict = PRUNER.decide(memory.study, trial)
    if bar is None or trial.last_step is None:
        assert verdict == Keep()
        return verdict
    own = plain_mean(trial, trial.last_step)
    assert own is not None and isinstance(verdict, Prune) is (own < bar)
    if isinstance(verdict, Prune):
        assert f"under {bar:.2f}, the threshold" in verdict.reason
    return verdict


@pytest.mark.parametrize("seed", range(3))
def test_decisions_equal_those_of_comparing_with_all_trials_again(seed: int) -> None:
    """Trials overlap, some scores are missing, and trials are rebuilt and overruled between."""
    rng, memory, pruned = numpy_generator(seed, "curves"), InMemoryStudy("study"), 0
    going: list[int] = []
    while len(memory) < 120 or going:
        if len(memory) < 120 and len(going) < 4:
            going.append(memory.add(running()))
        number = going[int(rng.integers(len(going)))]
        evaluation = (memory.trial(number).last_step or 0) + 1
        evaluation += int(rng.random() < 0.1 and evaluation < E)  # a score that is not finite
        memory.report(number, evaluation, float(rng.normal(20 + evaluation, 5)))
        verdict = check(memory, number)
        if isinstance(verdict, Prune):
            pruned += 1
            memory.finish(number, trial_end(verdict.outcome(), [], MIOU_ACCURACY))
        elif evaluation >= E:
            outcome = Completed(value=float(rng.normal(30, 5)))
            memory.finish(number, trial_end(outcome, [], MIOU_ACCURACY))
        if memory.trial(number).state.is_finished():
            going.remove(number)
        if rng.random() < 0.01:
            memory.overrule(memory.trial(int(rng.integers(len(memory)))))
    assert pruned > 10


def test_a_pruned_trial_is_not_a_full_run() -> None:
    memory = InMemoryStudy("study")
    memory.report(memory.add(running()), 6, 20.0)
    outcome = Pruned(kind="behind", reason="why")
    memory.finish(0, trial_end(outcome, [], MIOU_ACCURACY))
    assert list(memory.study.full_runs.means(6, 3)) == []


def test_a_run_is_averaged_once_for_an_evaluation() -> None:
    class Counting(dict[int, float]):
        looks = 0

        def __contains__(self, key: object) -> bool:
            self.looks += 1
            return super().__contains__(key)

    run, runs = running(), FullRuns()
    run.intermediate_values = scores = Counting({5: 1.0, 6: 3.0})
    runs.add(run)
    assert [list(runs.means(6, 3)) for _ in range(3)] == [[2.0]] * 3
    assert scores.looks == 3  # the window's evaluations


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 1 - 0.75, 0.5, 0.9, 1.0])
def test_quantiles_are_numpys_to_the_last_bit(share: float) -> None:
    rng = numpy_generator(1, "quantiles")
    for count in (1, 2, 3, 4, 5, 6, 7, 50, 333, 1000):
        values = rng.normal(20, 8, size=count).tolist()
        assert quantile(sorted(values), share) == float(np.quantile(values, share))
