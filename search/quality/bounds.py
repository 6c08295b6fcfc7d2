"""Bounds of the search space near which the best trials crowd: a better one may lie beyond.

A single trial near a bound says nothing. With ten hyper-parameters, two random trials in three
are within :data:`EDGE` of some bound. That three of the best ten are near the same one by chance
is rare: it happens to one bound in a hundred.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trainer.hyper_parameters import HyperParameter

__all__ = ["EDGE", "MANY", "SEVERAL", "TOP", "CrowdedBound", "crowded_bounds"]

#: Share of a range that counts as near its bound, on the scale that it is sampled on.
EDGE = 0.05
#: The best full runs that are looked at.
TOP = 10
#: So many of them near the same bound, the best one among them, are worth a warning.
SEVERAL = 3
#: So many mean that the optimum lies beyond the bound.
MANY = 5


@dataclass(frozen=True, kw_only=True)
class CrowdedBound:
    """A bound that several of the best runs are near to."""

    parameter: HyperParameter
    upper: bool
    #: How many of the best runs are near it, and how many best runs there are.
    near: int
    best: int

    @property
    def value(self) -> float:
        """The bound."""
        return self.parameter.high if self.upper else self.parameter.low

    @property
    def text(self) -> str:
        """Such as ``3 of the best 10 runs are within 5 % of the upper bound 1 of b_random``."""
        side = "upper" if self.upper else "lower"
        return (
            f"{self.near} of the best {self.best} runs are within {100 * EDGE:.0f} % of the"
            f" {side} bound {self.value:g} of {self.parameter.name}"
        )


def crowded_bounds(
    parameters: Sequence[HyperParameter], best: Sequence[Mapping[str, float]]
) -> tuple[CrowdedBound, ...]:
    """The bounds that the best run and several others are near to, the most crowded one first.

    A lower bound of 0 is left out: the term is off there, and nothing lies beyond.

    Args:
        parameters: The search space.
        best: Parameters of full runs, the best one first; the first :data:`TOP` count.
    """
    found = []
    for parameter in parameters:
        for upper in (False, True):
            near = [_is_near(parameter, params, upper=upper) for params in best[:TOP]]
            is_natural = not upper and parameter.low == 0
            if not is_natural and sum(near) >= SEVERAL and near[0]:
                found.append(
                    CrowdedBound(parameter=parameter, upper=upper, near=sum(near), best=len(near))
                )
    return tuple(sorted(found, key=lambda each: -each.near))


def _is_near(parameter: HyperParameter, params: Mapping[str, float], *, upper: bool) -> bool:
    if parameter.name not in params:
        return False
    place = parameter.share(params[parameter.name])
    return place >= 1 - EDGE if upper else place <= EDGE
