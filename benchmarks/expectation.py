"""Measure how much of the best trial's optimism the model of all trials removes.

    python -m benchmarks.expectation

The 200 unpruned runs of `rooms` that `benchmarks.collapse` recorded, with settings drawn
uniformly, become a landscape: a random forest fitted to their values, which is a model of another
family than the Gaussian process under test. A search of 200 trials by TPE sees the landscape with
noise, whose deviation stands for that of seeds. The forest without noise is the truth, so it also
stands for a perfect confirmation.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import optuna
import typer

from benchmarks.markdown import markdown_table
from benchmarks.records import read_kept_runs, write_result
from search.config.configuration import resolve
from search.driver.in_memory_study import InMemoryStudy
from search.quality.expected import Expected, Point, PointKind, expect
from search.records.stored_trial import COLLAPSE_ATTRIBUTE
from search.samplers import find_sampler
from search.spaces import Space
from trainer.seeds import derive_seed, numpy_generator

__all__ = ["Landscape", "ended", "landscape", "text"]

SEARCHES = ("collapse-rooms-seed-1", "collapse-rooms-seed-2", "collapse-rooms-seed-3")
TRIALS = 200
STUDIES = 10  # per deviation of the noise
DEVIATIONS = (0.5, 1.0, 2.0)  # points
COLLAPSED = 15.0  # a run with a lower value counts as collapsed
TREES = 300

#: The worth of a point in the unit cube.
Landscape = Callable[[list[float]], float]


@dataclass(frozen=True, kw_only=True)
class Study:
    """What one simulated search claims and expects, and what is true; in points."""

    #: Value of the best trial, and what its parameters are worth.
    claimed: float
    worth_of_best: float
    #: The model's mean at the trial that it prefers, its interval, and what that trial is worth.
    expected: float
    low: float
    high: float
    worth_of_preferred: float


def landscape(space: Space) -> Landscape:
    """The recorded runs as a function of their parameters in the unit cube."""
    from sklearn.ensemble import RandomForestRegressor  # lazily: printing the table needs none

    runs = [run for search in SEARCHES for run in read_kept_runs("collapse-runs", search)]
    inputs = np.array([space.to_unit(run.parameters) for run in runs])
    values = np.array([run.value for run in runs])
    seed = derive_seed("expectation", "forest") % 2**32
    forest = RandomForestRegressor(TREES, min_samples_leaf=2, random_state=seed)
    forest.fit(inputs, values)
    return lambda point: float(forest.predict([point])[0])


def simulate(worth_of: Landscape, space: Space, deviation: float, seed: int) -> Study:
    """One search of the landscape."""
    noise = numpy_generator("expectation", "noise", seed).normal(0.0, deviation, TRIALS)
    memory = InMemoryStudy(f"expectation-{seed}")
    sampler = find_sampler("tpe")
    worth: list[float] = []
    points: list[Point] = []
    for number in range(TRIALS):
        params = sampler(memory.study, space, number, seed)
        worth.append(worth_of(space.to_unit(params)))
        value = worth[-1] + float(noise[number])
        collapsed = worth[-1] < COLLAPSED
        memory.add(ended(space, params, value, collapsed=collapsed))
        kind: PointKind = "collapsed" if collapsed else "complete"
        points.append(Point(number=number, params=params, value=value, kind=kind))
    found = expect(points, space)
    best = memory.best()
    assert isinstance(found, Expected) and best is not None
    return Study(
        claimed=best.values[0],
        worth_of_best=worth[best.number],
        expected=found.mean,
        low=found.low,
        high=found.high,
        worth_of_preferred=worth[found.trial],
    )


def ended(
    space: Space, params: dict[str, float], value: float, *, collapsed: bool
) -> optuna.trial.FrozenTrial:
    """An ended trial, for the sampler."""
    state = optuna.trial.TrialState.PRUNED if collapsed else optuna.trial.TrialState.COMPLETE
    return optuna.create_trial(
        state=state,
        value=value,
        params=params,
        distributions=space.distributions,
        system_attrs={COLLAPSE_ATTRIBUTE: float(collapsed)},
    )


def row(deviation: float, studies: Sequence[Study]) -> dict[str, Any]:
    """The means over some studies."""

    def mean(number: Callable[[Study], float]) -> float:
        return statistics.fmean(map(number, studies))

    return {
        "noise": deviation,
        "claimed": mean(lambda study: study.claimed),
        "worth of the best": mean(lambda study: study.worth_of_best),
        "expected": mean(lambda study: study.expected),
        "worth of the preferred": mean(lambda study: study.worth_of_preferred),
        "claim off by": mean(lambda study: abs(study.claimed - study.worth_of_best)),
        "expectation off by": mean(lambda study: abs(study.expected - study.worth_of_preferred)),
        "in the interval": sum(
            study.low <= study.worth_of_preferred <= study.high for study in studies
        ),
        "studies": len(studies),
    }


def text(rows: Sequence[dict[str, Any]]) -> str:
    """The table."""
    *columns, _, _ = rows[0]
    header = (*columns, "in the interval")
    shown = [
        [*(each[name] for name in columns), f"{each['in the interval']} of {each['studies']}"]
        for each in rows
    ]
    return markdown_table(header, shown)


def main(studies: Annotated[int, typer.Option(help="Searches per deviation.")] = STUDIES) -> None:
    """Simulate the searches, print the table, and save it as results/expectation.json."""
    space = resolve("rooms", None, {}).space()
    worth_of = landscape(space)
    rows = [
        row(deviation, [simulate(worth_of, space, deviation, seed) for seed in range(studies)])
        for deviation in DEVIATIONS
    ]
    print(text(rows))
    print(write_result("expectation", {"rows": rows}))


if __name__ == "__main__":
    typer.run(main)
