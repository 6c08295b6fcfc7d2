"""Measure how much of the best trial's optimism the model of all trials removes.

    python -m benchmarks.expectation

The searches are simulated (`benchmarks/landscape.py`). The landscape without noise stands for a
perfect confirmation.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from benchmarks.landscape import DEVIATIONS, STUDIES, Landscape, SimulatedSearch, landscape
from benchmarks.markdown import markdown_table
from benchmarks.records import write_result
from search.config.configuration import resolve
from search.quality.expected import Expected, expect
from search.spaces import Space

__all__ = ["text"]


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


def simulate(worth_of: Landscape, space: Space, deviation: float, seed: int) -> Study:
    """One search of the landscape."""
    search = SimulatedSearch.of(worth_of, space, deviation, name="expectation", seed=seed)
    found, best = expect(search.points, space), search.memory.best()
    assert isinstance(found, Expected) and best is not None
    return Study(
        claimed=best.values[0],
        worth_of_best=search.worth[best.number],
        expected=found.mean,
        low=found.low,
        high=found.high,
        worth_of_preferred=search.worth[found.trial],
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
