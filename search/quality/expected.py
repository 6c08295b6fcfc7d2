"""What to expect of the result of a search: a model of all trials instead of the luckiest one.

The best of many noisy values is above what its parameters achieve on average: the more so, the
more trials there are and the noisier they are. A Gaussian process fitted to all finished trials
smooths the noise. Its mean at the trial that it prefers is what a run with a fresh seed should
reach.
``docs/search-quality.md`` says how well that works.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from search.spaces import Space

if TYPE_CHECKING:
    from search.quality.surrogate import Surrogate

__all__ = [
    "LEAST_COMPLETE",
    "NORMAL_95",
    "Expected",
    "NotExpected",
    "Point",
    "PointKind",
    "expect",
]

#: ``behind`` is a healthy trial that was stopped early; its value is its last score.
PointKind = Literal["complete", "collapsed", "behind"]

LEAST_COMPLETE = 10  # complete trials, below which a model says nothing
MOST_TRIALS = 2000  # in the model, spread evenly; it solves a system of that size
SMALLEST_SPREAD = 1e-6  # between values, relative to their size
NORMAL_95 = 1.959964  # deviations on each side of a 95 % interval


@dataclass(frozen=True, kw_only=True)
class Point:
    """A finished trial, as the model sees it."""

    number: int
    params: Mapping[str, float]
    #: None only for a collapsed trial, whose value does not count.
    value: float | None
    kind: PointKind


@dataclass(frozen=True, kw_only=True)
class Expected:
    """The model's opinion of the complete trials."""

    #: The trial that it prefers.
    trial: int
    #: What a run with that trial's parameters and a fresh seed should reach on average.
    mean: float
    #: The 95 % interval of this average.
    low: float
    high: float
    #: Deviation of single runs around their average.
    noise: float
    #: Number of trials that the model was fitted to.
    trials: int
    #: Every complete trial in the model, from the one that it prefers; with the mean of each.
    ranking: tuple[tuple[int, float], ...]
    #: How unsure the model is of each of these means, in the same order.
    deviations: tuple[float, ...] = ()
    #: The model itself.
    surrogate: "Surrogate | None" = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class NotExpected:
    """There is no expectation."""

    #: Why, in one phrase.
    reason: str


def expect(points: Sequence[Point], space: Space) -> Expected | NotExpected:
    """Fit the model to a study's finished trials; the result depends on nothing else.

    A collapsed trial gets the lowest value of all others: its own score is arbitrary.

    Args:
        points: The trials, by number.
        space: The space that they were sampled from; trials without all its parameters, which an
            earlier version may have stored, are ignored.
    """
    if not space.hyper_parameters:
        return NotExpected(reason="nothing was searched")
    usable = _usable(points, space)
    complete = [point.number for point in usable if point.kind == "complete"]
    if len(complete) < LEAST_COMPLETE:
        return NotExpected(
            reason=f"needs {LEAST_COMPLETE} complete trials, there are {len(complete)}"
        )
    healthy = [point for point in usable if point.kind != "collapsed"]
    values = [point.value for point in healthy if point.value is not None]
    floor, top = min(values), max(values)
    if top - floor <= SMALLEST_SPREAD * max(1.0, abs(top)):
        return NotExpected(reason="all trials have the same value")
    return _model(usable, space, floor)


def _usable(points: Sequence[Point], space: Space) -> list[Point]:
    names = space.defaults.keys()
    usable = [
        point
        for point in points
        if names <= point.params.keys()
        and (point.kind == "collapsed" or (point.value is not None and math.isfinite(point.value)))
    ]
    if len(usable) <= MOST_TRIALS:
        return usable
    return [usable[index * len(usable) // MOST_TRIALS] for index in range(MOST_TRIALS)]


def _model(points: Sequence[Point], space: Space, floor: float) -> Expected:
    import numpy as np  # lazily: reading a study needs none of it

    from search.quality.surrogate import fit_surrogate

    inputs_ID = np.array([space.to_unit(point.params) for point in points])
    values_I = np.array([floor if point.kind == "collapsed" else point.value for point in points])
    surrogate = fit_surrogate(inputs_ID, values_I)
    complete = [index for index, point in enumerate(points) if point.kind == "complete"]
    means, deviations = surrogate.predict(inputs_ID[complete])
    order = np.argsort(-means, kind="stable")
    first = order[0]
    apart = NORMAL_95 * float(deviations[first])
    numbers = [points[index].number for index in complete]
    return Expected(
        trial=numbers[first],
        mean=float(means[first]),
        low=float(means[first]) - apart,
        high=float(means[first]) + apart,
        noise=surrogate.noise,
        trials=len(points),
        ranking=tuple((numbers[index], float(means[index])) for index in order),
        deviations=tuple(float(deviations[index]) for index in order),
        surrogate=surrogate,
    )
