"""Decisions after a report, from the reports that this driver has received."""

from search.driver.in_memory_study import InMemoryStudy
from search.driver.rules import Rules
from search.objectives.miou_accuracy import MIOU_ACCURACY
from search.pruners import CollapseRules, build_pruner
from search.records.outcome import Pruned, trial_end
from tests.unit.search.builders import add_finished, make_report, running

E = 4
RULES = Rules(
    objective=MIOU_ACCURACY,
    collapse=CollapseRules(),
    pruner=build_pruner("competitive", E),
    evaluations=E,
)
SCORES = (10.0, 15.0)


def memory_with_stored_scores() -> tuple[InMemoryStudy, int]:
    """A running trial that a driver was about to prune when it was killed."""
    memory = InMemoryStudy("study")
    for _ in range(21):
        add_finished(memory, [30.0] * E)
    number = memory.add(running())
    for evaluation, score in enumerate(SCORES, start=1):
        memory.report(number, evaluation, score)
    return memory, number


def test_scores_that_were_not_yet_repeated_wait() -> None:
    memory, number = memory_with_stored_scores()
    reports = [make_report(e, miou=s, accuracy=s) for e, s in enumerate(SCORES, start=1)]
    assert RULES.decide(memory, number, reports[:1]) is None
    outcome = RULES.decide(memory, number, reports)
    assert isinstance(outcome, Pruned) and outcome.reason.endswith("at evaluation 2")
    assert trial_end(outcome, reports, MIOU_ACCURACY).value == SCORES[-1]


def test_an_immune_trial_is_spared_by_the_pruner_but_not_by_collapse_rules() -> None:
    memory = InMemoryStudy("study")
    for _ in range(10):
        add_finished(memory, [30.0] * E)
    number = memory.add(running())
    for evaluation in (1, 2, 3):
        memory.report(number, evaluation, 1.0)
    healthy = [make_report(e, miou=1.0, accuracy=1.0) for e in (1, 2, 3)]
    assert RULES.decide(memory, number, healthy) is None
    outcome = RULES.decide(memory, number, [make_report(e, share=0.99) for e in (1, 2, 3)])
    assert isinstance(outcome, Pruned) and outcome.kind == "collapsed"
