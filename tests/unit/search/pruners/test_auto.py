from collections.abc import Mapping, Sequence

import pytest

from search.driver.in_memory_study import InMemoryStudy
from search.objectives.miou_accuracy import MIOU_ACCURACY
from search.pruners.auto import AutoPruner
from search.pruners.evidence import Choice, Curve, choose
from search.records.outcome import Completed, Keep, Outcome, Prune, Pruned, trial_end
from tests.unit.search.builders import running
from trainer.seeds import numpy_generator

E = 10
PRUNER = AutoPruner(evaluations=E)
#: Evaluation from which on the scores of a run tell its end.
EARLY, LATE = 1, 7
COLLAPSED: Outcome = Pruned(kind="collapsed", reason="one cluster")


def scores_of(number: int, informative: int) -> dict[int, float]:
    """Scores that are noise until an evaluation, and the run's own level from there on."""
    generator = numpy_generator("auto test", number)
    level, noise = 100 * generator.random(), 100 * generator.random(E)
    return {
        step: level if step >= informative else float(noise[step - 1]) for step in range(1, E + 1)
    }


def curves(count: int, informative: int) -> list[Curve]:
    found = [scores_of(number, informative) for number in range(count)]
    return [Curve(number=n, value=scores[E], scores=scores) for n, scores in enumerate(found)]


def chosen(runs: Sequence[Curve], before: Choice | None = None) -> Choice | None:
    return choose(runs, before, evaluations=E, earliest=0.1, window=1, least_runs=12)


def memory_of(
    count: int, informative: int, *, order: Sequence[int] = (), other: Mapping[int, Outcome] = {}
) -> InMemoryStudy:
    """A study whose first trials have ended, in the given order."""
    memory = InMemoryStudy("study")
    for number in range(count):
        memory.add(running())
        for step, score in scores_of(number, informative).items():
            memory.report(number, step, score)
    for number in order or range(count):
        value = scores_of(number, informative)[E]
        memory.finish(
            number, trial_end(other.get(number, Completed(value=value)), [], MIOU_ACCURACY)
        )
    return memory


def verdict(memory: InMemoryStudy, evaluations: int, score: float, pruner: AutoPruner) -> object:
    number = memory.add(running())
    for step in range(1, evaluations + 1):
        memory.report(number, step, score)
    return pruner.decide(memory.study, memory.trial(number))


def test_curves_that_tell_their_end_at_once_are_judged_early_and_strictly() -> None:
    found = chosen(curves(20, EARLY))
    assert found is not None
    assert (found.evaluation, found.keep, found.correlation) == (1, 0.5, 1.0)
    assert found.text() == (
        "keeps the best 50 % after a warm-up of 10 %: rank correlation with the end there 1.00 (at"
        " least 1.00), from 20 immune full runs"
    )


def test_late_bloomers_are_judged_once_they_bloom() -> None:
    found = chosen(curves(40, LATE))
    assert found is not None
    assert found.evaluation == LATE


def test_nothing_is_chosen_from_too_few_runs_or_without_evidence() -> None:
    assert chosen(curves(11, EARLY)) is None
    assert chosen(curves(40, E)) is None


def test_the_warm_up_only_moves_later_and_the_share_to_keep_only_grows() -> None:
    late = chosen(curves(40, LATE))
    assert late is not None
    again = chosen(curves(40, EARLY), late)
    assert again is not None
    assert (again.evaluation, again.keep >= late.keep) == (LATE, True)
    early = chosen(curves(20, EARLY))
    noise = chosen(curves(40, E), early)
    assert noise is not None
    assert noise.never
    assert noise.text() == "stops no trial any more: 40 immune full runs speak against it"
    after = chosen(curves(40, EARLY), noise)
    assert after is not None
    assert after.never


def test_a_best_run_that_starts_badly_delays_the_rule() -> None:
    runs = curves(20, EARLY)
    best = Curve(
        number=20,
        value=200.0,
        scores={step: 0.0 if step < 5 else 200.0 for step in range(1, E + 1)},
    )
    found = chosen([*runs, best])
    assert found is not None
    assert found.evaluation == 5


def test_no_trial_is_stopped_before_the_first_choice() -> None:
    memory = memory_of(21, EARLY, other=dict.fromkeys(range(10), COLLAPSED))
    assert verdict(memory, 5, -1.0, PRUNER) == Keep()
    memory = memory_of(21, EARLY, other=dict.fromkeys(range(9), COLLAPSED))
    assert isinstance(verdict(memory, 5, -1.0, PRUNER), Prune)


def test_immune_trials_are_never_stopped() -> None:
    memory = memory_of(30, EARLY)
    assert verdict(memory, 5, -1.0, PRUNER) == Keep()
    assert isinstance(verdict(memory, 5, -1.0, PRUNER), Prune)


@pytest.mark.parametrize("informative", [EARLY, 4, LATE])
def test_the_choice_depends_neither_on_the_order_of_ends_nor_on_a_restart(
    informative: int,
) -> None:
    count = 71
    shuffled = numpy_generator("order").permutation(count).tolist()
    studies = [memory_of(count, informative), memory_of(count, informative, order=shuffled)]
    for step in range(1, E):  # a pruner that is asked at every step looks at the runs as they end
        memory = memory_of(count, informative, order=shuffled[: 7 * step])
        PRUNER.decide(memory.study, memory.trial(count - 1))
    studies.append(InMemoryStudy("study", studies[1].trials()))
    found = [PRUNER._looked_at(memory.study).choice for memory in studies]
    assert found[0] is not None
    assert found[1:] == found[:-1]


def test_asking_at_every_end_is_asking_once_at_the_last() -> None:
    memory = memory_of(71, 4, order=[0])
    for number in numpy_generator("order").permutation(range(1, 71)).tolist():
        value = scores_of(number, 4)[E]
        memory.finish(number, trial_end(Completed(value=value), [], MIOU_ACCURACY))
        PRUNER._looked_at(memory.study)
    whole = memory_of(71, 4)
    assert PRUNER._looked_at(memory.study) == PRUNER._looked_at(whole.study)


def test_an_immune_trial_that_still_runs_holds_back_later_ones() -> None:
    order = [number for number in range(71) if number != 30]
    memory = memory_of(71, EARLY, order=order)
    numbers = [run.number for run in PRUNER._looked_at(memory.study).runs]
    assert numbers == list(range(21))
    ended: dict[int, Curve | None] = {run.number: run for run in curves(71, EARLY)}
    assert PRUNER.choice({n: ended[n] for n in order})[1] == 21
    assert PRUNER.choice(ended)[1] == 26
