"""What an ask, a report and an end cost the driver, in studies of different size.

    python -m benchmarks.driver_cost [--quick]

Processor time of the driver's own thread, without PostgreSQL: a trial drawn and added to the
in-memory study, a report taken in and decided on, a trial ended and the best one looked up. TPE
learns from all trials, so that its asks are shown apart.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from benchmarks.markdown import markdown_table
from benchmarks.measuring import append_result, machine, processor_text
from search.driver.in_memory_study import InMemoryStudy
from search.driver.rules import Rules
from search.driver.study_store import trial_template
from search.driver.trial_source import TrialSource
from search.objectives.miou_accuracy import MIOU_ACCURACY
from search.pruners import PRUNERS, CollapseRules, build_pruner
from search.records.outcome import Completed, trial_end
from search.samplers import SAMPLERS, find_sampler
from tests.fakes.memory_search import SPACE
from tests.fakes.training import fake_report
from trainer.records import Report
from trainer.seeds import numpy_generator

__all__ = ["main", "text"]

SIZES = (200, 1000, 5000)
EVALUATIONS = 20
REPEATS = 21  # of each, fewer of those that are slow; the median counts
ENOUGH_SECONDS = 10.0  # after so long, an act is not repeated
SEED = 7
#: Largest study for a sampler whose time grows with the cube of the trials.
LARGEST = {"gp": 1500}


def main() -> None:
    """Measure, print the table, keep the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.driver_cost", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small studies; no result is kept")
    quick = parser.parse_args().quick
    sizes = SIZES[:1] if quick else SIZES
    studies = [_study(size) for size in sizes]
    rows: list[tuple[object, ...]] = []
    for sampler in SAMPLERS:
        rows.append((f"ask, {sampler}", *(_ask(memory, sampler) for memory in studies)))
    for pruner in PRUNERS:
        rows.append((f"report, {pruner}", *(_report(memory, pruner) for memory in studies)))
    rows.append(("end, best, counts", *(_end(memory) for memory in studies)))
    record = {"sizes": sizes, "rows": rows, **machine(torch.device("cpu"))}
    print(text(record))
    if not quick:
        print(f"kept in {append_result('driver_cost', [record])}")


def text(record: Mapping[str, Any]) -> str:
    """A measurement as a table."""
    rows = [(name, *map(_cell, values)) for name, *values in record["rows"]]
    header = ("milliseconds", *(f"{size:,} trials" for size in record["sizes"]))
    return f"{processor_text(record)}:\n\n{markdown_table(header, rows)}"


def _cell(milliseconds: float | None) -> str:
    return "not measured" if milliseconds is None else f"{milliseconds:.3f}"


def _study(size: int) -> InMemoryStudy:
    """A study with so many trials, of which three quarters are full runs."""
    memory = InMemoryStudy("study")
    for number in range(size):
        memory.add(trial_template(_point(number), SPACE.distributions, 1))
        last = EVALUATIONS if number % 4 else EVALUATIONS // 2
        reports = _curve(number, last)
        for report in reports:
            memory.report(number, report.evaluation, MIOU_ACCURACY.score(report))
        outcome = Completed(value=MIOU_ACCURACY.value(reports))
        memory.finish(number, trial_end(outcome, reports, MIOU_ACCURACY))
    return memory


def _point(number: int) -> dict[str, float]:
    rng = numpy_generator(SEED, number)
    return {name: float(rng.uniform(0.1, 1.0)) for name in SPACE.distributions}


def _curve(number: int, last: int) -> list[Report]:
    point = _point(number)
    return [fake_report(point, number, evaluation) for evaluation in range(1, last + 1)]


def _ask(memory: InMemoryStudy, sampler: str) -> float | None:
    if len(memory) > LARGEST.get(sampler, len(memory)):
        return None
    source = TrialSource(
        memory=memory,
        space=SPACE,
        sampler=find_sampler(sampler),
        objective=MIOU_ACCURACY,
        seed=SEED,
        epoch=1,
    )
    return _milliseconds([source.next] * REPEATS)


def _report(memory: InMemoryStudy, pruner: str) -> float:
    """Of a trial past half of its run, at evaluations that its pruner may look at.

    Another trial comes first: what is kept of full runs is made at the first look.
    """
    rules = Rules(
        objective=MIOU_ACCURACY,
        collapse=CollapseRules(),
        pruner=build_pruner(pruner, EVALUATIONS),
        evaluations=EVALUATIONS,
    )
    _run(memory, rules)
    return _run(memory, rules)


def _run(memory: InMemoryStudy, rules: Rules) -> float:
    number = 0
    while number % 10 == 0:  # those are never pruned
        number = memory.add(trial_template(SPACE.defaults, SPACE.distributions, 1))
    curve = [fake_report(SPACE.defaults, 0, evaluation) for evaluation in range(1, EVALUATIONS)]

    def act(count: int) -> Callable[[], object]:
        def take() -> None:
            report = curve[count - 1]
            memory.report(number, report.evaluation, MIOU_ACCURACY.score(report))
            rules.decide(memory, number, curve[:count])

        return take

    acts = [act(count) for count in range(1, EVALUATIONS)]
    for early in acts[:9]:
        early()
    return _milliseconds(acts[9:])


def _end(memory: InMemoryStudy) -> float:
    def act(number: int) -> Callable[[], object]:
        end = trial_end(Completed(value=1.0), _curve(0, 1), MIOU_ACCURACY)

        def finish() -> None:
            memory.finish(number, end)
            memory.best()
            memory.counts()

        return finish

    numbers = [
        memory.add(trial_template(SPACE.defaults, SPACE.distributions, 1)) for _ in range(REPEATS)
    ]
    return _milliseconds([act(number) for number in numbers])


def _milliseconds(acts: Sequence[Callable[[], object]]) -> float:
    """The median processor time of some acts."""
    found: list[float] = []
    for act in acts:
        if sum(found) > 1000 * ENOUGH_SECONDS:
            break
        began = time.thread_time()
        act()
        found.append(1000 * (time.thread_time() - began))
    return statistics.median(found)


if __name__ == "__main__":
    main()
