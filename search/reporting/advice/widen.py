"""A search beyond a bound that the best trials crowd at."""

from search.quality.bounds import EDGE, CrowdedBound, crowded_bounds
from search.quality.expected import Expected
from search.quality.gains import Gain
from search.reporting.advice.situation import Situation
from search.reporting.advice.step import Step
from search.reporting.health.bounds import wider_range
from search.reporting.health.fixes import launch_like
from search.reporting.measures import full_runs

__all__ = ["widen"]

#: Share of the range over which the model's slope at the bound is read, and then continued.
REACH = 2 * EDGE


def widen(situation: Situation) -> Step | None:
    """Search beyond the bound that most of the best runs are near to."""
    details, view = situation.details, situation.view
    best = [trial.params for trial in full_runs(view)]
    found = crowded_bounds(details.hyper_parameters, best)
    if not found:
        return None
    flag, value = wider_range(details, found[0])
    what = "widen" if flag == "--range" else "fix"
    expected = situation.expected
    gain = None if expected is None else _gain(situation, expected, found[0], what == "widen")
    shown = "" if gain is None else f"; the model's slope there promises {gain.text}"
    return Step(
        name="widen",
        command=launch_like(details, flag, value),
        line=f"{what} {found[0].parameter.name}: {found[0].text}{shown}",
        gain=gain,
        hours=situation.hours_of_trials(view.target),
    )


def _gain(situation: Situation, expected: Expected, bound: CrowdedBound, beyond: bool) -> Gain:
    """What the model's slope at the bound promises beyond it, or what the bound itself promises.

    The slope is read over the last :data:`REACH` of the range, at the preferred trial, and
    continued over as much beyond the bound.
    """
    import numpy as np  # lazily: the import is slow

    assert expected.surrogate is not None and situation.view.space is not None
    space = situation.view.space
    params = next(t.params for t in situation.view.trials if t.number == expected.trial)
    names = [each.name for each in space.hyper_parameters]
    at_D = np.array(space.to_unit(params))
    index = names.index(bound.parameter.name)
    edge_D, inner_D = at_D.copy(), at_D.copy()
    edge_D[index] = 1.0 if bound.upper else 0.0
    inner_D[index] = 1.0 - REACH if bound.upper else REACH
    below = inner_D if beyond else at_D
    means, deviations = expected.surrogate.predict(np.stack([edge_D, below]))
    return Gain(mean=max(0.0, float(means[0] - means[1])), deviation=float(deviations[0]))
