"""Why the competitive rule is the default: replayed on curves with late bloomers.

The curves are invented, in the shape of the published NYU-Depth-v2 one: a plateau at 0.81
of the final score until 55 to 70 % of the run, then a steep rise. Every other one of them is
like that, the best included.
"""

from collections.abc import Iterable

import numpy as np
import pytest
from numpy.typing import NDArray

from search.driver.in_memory_study import InMemoryStudy
from search.objectives.miou_accuracy import MIOU_ACCURACY
from search.pruners import build_pruner
from search.records.outcome import Completed, Outcome, Prune, Pruned, trial_end
from tests.unit.search.builders import running
from trainer.seeds import numpy_generator

N, E, ORDERS = 60, 20, 16
Replay = tuple[set[int], float]  # curves stopped, and share of evaluations run


def make_curves() -> NDArray[np.float64]:
    """Scores, [N, E]; noise of a look as on the published curve (sd 0.6)."""
    generator = numpy_generator("replay")
    time = np.arange(1, E + 1) / E
    final = np.sort(generator.normal(28, 4, size=(N, 1)), axis=0)[::-1]
    early = 1 - np.exp(-time / generator.uniform(0.05, 0.3, size=(N, 1)))
    turn = generator.uniform(0.55, 0.7, size=(N, 1))
    bloom = 0.81 + 0.19 / (1 + np.exp(-(time - turn) / 0.03))
    shape = np.where(np.arange(N)[:, None] % 2 == 0, early * bloom, early)
    return final * shape + generator.normal(0, 0.6, size=(N, E))


CURVES = make_curves()
VALUES = np.median(CURVES[:, -5:], axis=1)
BEST = int(VALUES.argmax())


def replay(name: str, order: Iterable[int]) -> Replay:
    """Indices of the curves that the rule stopped, and the share of evaluations that were run."""
    pruner, memory = build_pruner(name, E), InMemoryStudy("replay")
    cut: set[int] = set()
    spent = 0
    for index in order:
        number = memory.add(running())
        outcome: Outcome = Completed(value=float(VALUES[index]))
        for evaluation, score in enumerate(CURVES[index].tolist(), start=1):
            memory.report(number, evaluation, score)
            spent += 1
            verdict = pruner.decide(memory.study, memory.trial(number))
            if isinstance(verdict, Prune):
                cut.add(int(index))
                outcome = Pruned(kind=verdict.kind, reason=verdict.reason)
                break
        memory.finish(number, trial_end(outcome, [], MIOU_ACCURACY))
    return cut, spent / (N * E)


@pytest.fixture(scope="module")
def replays() -> dict[str, list[Replay]]:
    orders = [numpy_generator("order", index).permutation(N) for index in range(ORDERS)]
    return {name: [replay(name, order) for order in orders] for name in ("median", "competitive")}


def share_of_orders_without_the_best(results: list[Replay]) -> float:
    return float(np.mean([BEST in cut for cut, _ in results]))


def mean_loss(results: list[Replay]) -> float:
    """Value of the best curve minus that of the best one not stopped, mean over orders."""
    kept = [VALUES[[index for index in range(N) if index not in cut]].max() for cut, _ in results]
    return float(np.mean(VALUES[BEST] - np.asarray(kept)))


def test_the_best_curve_is_a_late_bloomer() -> None:
    assert BEST % 2 == 0


def test_the_released_rule_cuts_the_best_trial_in_most_orders(
    replays: dict[str, list[Replay]],
) -> None:
    assert share_of_orders_without_the_best(replays["median"]) > 0.5


def test_the_default_does_not(replays: dict[str, list[Replay]]) -> None:
    assert share_of_orders_without_the_best(replays["competitive"]) < 0.1
    assert mean_loss(replays["competitive"]) < 0.1 * mean_loss(replays["median"])


def test_the_default_still_saves_work(replays: dict[str, list[Replay]]) -> None:
    spent = float(np.mean([spent for _, spent in replays["competitive"]]))
    assert 0.7 < spent < 0.95
    assert all(cut for cut, _ in replays["competitive"])
