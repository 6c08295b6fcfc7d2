"""What is asked of a space beside its name: ranges of its own, and knobs that are fixed."""

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
    """Refuse what is no range at all, whatever it is for.

    Raises:
        SettingsError: If it is not two finite numbers, the smaller one first.
    """
    if len(given) != 2 or not all(map(math.isfinite, given)) or given[0] >= given[1]:
        shown, name = ":".join(f"{value:g}" for value in given), in_one_line(name)
        raise SettingsError(
            f"--range {name}={shown} is no range: give two numbers, the smaller one first,"
            f" such as {name}=0.1:0.9"
        )


def check_name(name: str, known: Iterable[str], flag: str) -> None:
    """Refuse a name that nothing has, and say which is near.

    Raises:
        SettingsError: If it is not among the known.
    """
    names = list(known)
    if name in names:
        return
    near = difflib.get_close_matches(name, names, n=1)
    mend = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(names)}"
    raise SettingsError(f"{flag} {in_one_line(name)}: there is no such name; {mend}")


def narrowed(knob: HyperParameter, given: Range) -> HyperParameter:
    """The knob in the given range; an untuned value outside it moves to its nearer end.

    Raises:
        SettingsError: If the range is none, or goes beyond the knob's own.
    """
    check_range(knob.name, given)
    low, high = given
    asked = f"--range {knob.name}={low:g}:{high:g}"
    if knob.log and low <= 0:
        raise SettingsError(f"{asked} is searched by its logarithm: give numbers above 0")
    if low < knob.low or high > knob.high:
        raise SettingsError(
            f"{asked} goes beyond what {knob.name} may be: stay within {knob.low:g}:{knob.high:g}"
        )
    default = min(max(knob.default, low), high)
    return dataclasses.replace(knob, low=low, high=high, default=default)


def shared_name(name: str, shared: Mapping[str, HyperParameter]) -> str | None:
    """The shared knob that a knob of one modality (``rgb.b_self``) overrules; None if none."""
    ending = name.partition(".")[2]
    return ending if ending in shared else None
