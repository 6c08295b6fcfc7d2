"""Measure how well the gains that `next` names are predicted.

    python -m benchmarks.gains

Simulated searches (`benchmarks/landscape.py`), stopped after 100 of 200 trials. What the model
promises of the other 100 trials, and of fresh runs of its five favourites, is compared with what
they are worth on the landscape without noise.
"""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.landscape import (
    DEVIATIONS,
    STUDIES,
    TRIALS,
    Landscape,
    SimulatedSearch,
    landscape,
)
from benchmarks.markdown import markdown_table
from benchmarks.records import write_result
from search.config.configuration import resolve
from search.quality.expected import Expected, expect
from search.quality.gains import gain_of_confirming, gain_of_more
from search.spaces import Space
from trainer.seeds import numpy_generator

__all__ = ["text"]

BEFORE = 100
TOP, SEEDS = 5, 5
REPLAYS = 1000  # of a confirmation


@dataclass(frozen=True, kw_only=True)
class Study:
    """What one simulated search promises and gets, in points."""

    #: More trials: the promised gain, its deviation, and the gain in worth of the preferred trial.
    promised: float
    deviation: float
    gained: float
    #: Fresh runs of the favourites after all trials: promised and gained.
    promised_fresh: float
    gained_fresh: float


def simulate(worth_of: Landscape, space: Space, deviation: float, seed: int) -> Study:
    """One search of the landscape."""
    search = SimulatedSearch.of(worth_of, space, deviation, name="gains", seed=seed)
    before, after = expect(search.points[:BEFORE], space), expect(search.points, space)
    assert isinstance(before, Expected) and isinstance(after, Expected)
    means = [mean for _, mean in before.ranking]
    more = gain_of_more(means, finished=BEFORE, more=TRIALS - BEFORE)
    assert more is not None
    return Study(
        promised=more.mean,
        deviation=more.deviation,
        gained=search.worth[after.trial] - search.worth[before.trial],
        promised_fresh=_promised(after),
        gained_fresh=_gained(after, search.worth, deviation, seed),
    )


def _promised(found: Expected) -> float:
    means = [mean for _, mean in found.ranking[:TOP]]
    return gain_of_confirming(means, found.deviations[:TOP], noise=found.noise, seeds=SEEDS).mean


def _gained(found: Expected, worth: Sequence[float], deviation: float, seed: int) -> float:
    """Mean gain in worth over many confirmations of the favourites."""
    truth = np.array([worth[number] for number, _ in found.ranking[:TOP]])
    generator = numpy_generator("gains", "confirmations", seed)
    runs = truth + deviation / math.sqrt(SEEDS) * generator.standard_normal((REPLAYS, len(truth)))
    return float((truth[runs.argmax(axis=1)] - truth[0]).mean())


def row(deviation: float, studies: Sequence[Study]) -> dict[str, Any]:
    """The means over some studies."""

    def mean(number: Callable[[Study], float]) -> float:
        return statistics.fmean(map(number, studies))

    return {
        "noise": deviation,
        "promised of 100 more trials": mean(lambda study: study.promised),
        "deviation": mean(lambda study: study.deviation),
        "gained by them": mean(lambda study: study.gained),
        "promised of fresh runs": mean(lambda study: study.promised_fresh),
        "gained by those": mean(lambda study: study.gained_fresh),
        "within two deviations": sum(
            abs(study.gained - study.promised) <= 2 * study.deviation for study in studies
        ),
        "studies": len(studies),
    }


def text(rows: Sequence[dict[str, Any]]) -> str:
    """The table."""
    *columns, _, _ = rows[0]
    header = (*columns, "within two deviations")
    shown = [
        [
            *(f"{each[name]:.2f}" for name in columns),
            f"{each['within two deviations']} of {each['studies']}",
        ]
        for each in rows
    ]
    return markdown_table(header, shown)


def main(studies: Annotated[int, typer.Option(help="Searches per deviation.")] = STUDIES) -> None:
    """Simulate the searches, print the table, and save it as results/gains.json."""
    space = resolve("rooms", None, {}).space()
    worth_of = landscape(space)
    rows = [
        row(deviation, [simulate(worth_of, space, deviation, seed) for seed in range(studies)])
        for deviation in DEVIATIONS
    ]
    print(text(rows))
    print(write_result("gains", {"rows": rows}))


if __name__ == "__main__":
    typer.run(main)
