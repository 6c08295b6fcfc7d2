"""Checks of the ranges and names that a user gives for a search space."""

import dataclasses
import difflib
import math
from collections.abc import Iterable, Mapping

from search.errors import SettingsError
from trainer.errors import in_one_line
from trainer.hyper_parameters import HyperParameter

__all__ = ["Range", "check_name", "check_range", "narrowed", "shared_name"]

#: Smallest and largest value, both inclusive.
Range = tuple[float, ...]


def check_range(name: str, given: Range) -> None:
    """Refuse a range that is not two finite numbers, the smaller one first.

    Raises:
        SettingsError: If it is not.
    """
    if len(given) != 2 or not all(map(math.isfinite, given)) or given[0] >= given[1]:
        shown, name = ":".join(f"{value:g}" for value in given), in_one_line(name)
        raise SettingsError(
            f"--range {name}={shown} is not a range: give two numbers, the smaller one first,"
            f" such as {name}=0.1:0.9"
        )


def check_name(name: str, known: Iterable[str], flag: str) -> None:
    """Refuse an unknown name, and suggest the nearest known one.

    Raises:
        SettingsError: If the name is unknown.
    """
    names = list(known)
    if name in names:
        return
    near = difflib.get_close_matches(name, names, n=1)
    fix = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(names)}"
    raise SettingsError(f"{flag} {in_one_line(name)}: there is no such name; {fix}")


def narrowed(parameter: HyperParameter, given: Range) -> HyperParameter:
    """The hyper-parameter with the given range; a default outside it moves to the nearer end.

    Raises:
        SettingsError: If the range is invalid, or exceeds the hyper-parameter's own.
    """
    check_range(parameter.name, given)
    low, high = given
    asked = f"--range {parameter.name}={low:g}:{high:g}"
    if parameter.log and low <= 0:
        raise SettingsError(f"{asked} is searched by its logarithm: give numbers above 0")
    if low < parameter.low or high > parameter.high:
        raise SettingsError(
            f"{asked} exceeds the allowed range of {parameter.name}: stay within"
            f" {parameter.low:g}:{parameter.high:g}"
        )
    default = min(max(parameter.default, low), high)
    return dataclasses.replace(parameter, low=low, high=high, default=default)


def shared_name(name: str, shared: Mapping[str, HyperParameter]) -> str | None:
    """The shared name of a per-modality hyper-parameter: ``b_self`` for ``rgb.b_self``."""
    ending = name.partition(".")[2]
    return ending if ending in shared else None
