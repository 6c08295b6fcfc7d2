"""A hyper-parameter: one number of a method that a search may tune, declared as plain data.

A method lists its hyper-parameters in its own file. ``search/spaces`` builds distributions from
them; ``trainer fit`` reads their values from the table ``[hyper]``. The values of one trial are
its params; what training learns are the weights of the network.
"""

import difflib
import math
from dataclasses import dataclass

from trainer.errors import ConfigError

__all__ = ["HyperParameter", "resolve_values"]


@dataclass(frozen=True, kw_only=True)
class HyperParameter:
    """One tunable number."""

    #: Name in configuration files and studies, e.g. ``lambda_self`` or ``lambda_cmcs.depth``.
    name: str
    #: Smallest value, inclusive.
    low: float
    #: Largest value, inclusive.
    high: float
    #: Value unless one is given.
    default: float
    #: Whether a search samples it on a logarithmic scale.
    log: bool = False
    #: Its effect, in one phrase.
    meaning: str = ""
    #: Value in the paper or its authors' code for any data set; None if there is none.
    published: float | None = None

    def check(self, value: float) -> float:
        """Return the value as a float.

        Raises:
            ConfigError: If it is not finite or outside ``[low, high]``.
        """
        if not math.isfinite(value) or not self.low <= value <= self.high:
            raise ConfigError(
                f"{self.name} = {value:g} is out of range: give a number"
                f" from {self.low:g} to {self.high:g}"
            )
        return float(value)

    def share(self, value: float) -> float:
        """The place of a value in its range, from 0 to 1, on the scale that it is sampled on."""
        if not self.log:
            return (value - self.low) / (self.high - self.low)
        return math.log(value / self.low) / math.log(self.high / self.low)


def resolve_values(
    declared: tuple[HyperParameter, ...], given: dict[str, float], *, besides: str = ""
) -> dict[str, float]:
    """The value of each hyper-parameter: the given one, checked, or its default.

    Args:
        declared: The hyper-parameters.
        given: Values by name.
        besides: Other valid names, for the message that refuses a name.

    Raises:
        ConfigError: If a given name is unknown, or a value is out of range.
    """
    by_name = {each.name: each for each in declared}
    for name in given:
        if name not in by_name:
            near = difflib.get_close_matches(name, by_name, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ConfigError(
                f"[hyper] has the unknown name {name!r}: {hint}this method with these modalities"
                f" takes {', '.join(by_name) or 'none'}{besides}"
            )
    return {
        name: each.check(given[name]) if name in given else each.default
        for name, each in by_name.items()
    }
