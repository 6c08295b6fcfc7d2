"""Warnings about the result of a search: what its numbers do not show, one line each."""

import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from search.quality.confirmed import Confirmed
from search.spaces import Space

__all__ = ["Result", "warnings_of"]

BOUND = 0.01  # share of a range that counts as its end
LAST_LOOKS = 5
LOOK_DEVIATIONS = 3.0  # between the best look and the last ones
LEAST_LOOK_GAIN = 0.02  # relative; smaller differences are not worth a warning
ENOUGH_FINALISTS = 5


@dataclass(frozen=True, kw_only=True)
class Result:
    """What the warnings are about."""

    #: The best trial: its number, parameters, and scores by evaluation.
    trial: int
    params: Mapping[str, float]
    scores: Mapping[int, float]
    #: None if this version does not know the space.
    space: Space | None
    confirmed: Confirmed | None
    #: Whether the val split is the test split.
    val_is_test: bool


def warnings_of(result: Result) -> tuple[str, ...]:
    """Every warning that applies."""
    return tuple(line for warning in WARNINGS for line in warning(result))


def below_reference(result: Result) -> Iterator[str]:
    """The confirmed trial is no better than a reference."""
    found = result.confirmed
    if found is None:
        return
    for name in found.below():
        yield (
            f"no success: {found.best.name} ({found.best.mean:.2f}) is not above {name}"
            f" ({found.references[name].mean:.2f})"
        )


def single_seed(result: Result) -> Iterator[str]:
    """Nothing was confirmed."""
    if result.confirmed is None:
        yield f"trial {result.trial} was trained with a single seed: `python -m search confirm`"


def at_bound(result: Result) -> Iterator[str]:
    """The best trial has a hyper-parameter at the end of its range."""
    if result.space is None or not result.space.defaults.keys() <= result.params.keys():
        return
    shares = zip(result.space.defaults, result.space.to_unit(result.params), strict=True)
    names = [name for name, share in shares if min(share, 1 - share) < BOUND]
    if names:
        yield (
            f"trial {result.trial} is at the end of the range of {', '.join(names)}: a wider range"
            " may hold a better one"
        )


def lucky_look(result: Result) -> Iterator[str]:
    """The best evaluation is far above the last ones."""
    scores = [result.scores[evaluation] for evaluation in sorted(result.scores)]
    last = scores[-LAST_LOOKS:]
    if len(scores) <= LAST_LOOKS:
        return
    best, middle = max(scores), statistics.median(last)
    least = max(LOOK_DEVIATIONS * statistics.stdev(last), LEAST_LOOK_GAIN * abs(middle))
    if best - middle > least:
        yield (
            f"the best evaluation of trial {result.trial} ({best:.2f}) is far above its last ones"
            f" ({middle:.2f}): it got worse, or the evaluation was lucky"
        )


def few_finalists(result: Result) -> Iterator[str]:
    """Fewer finalists than can tell a good choice from luck."""
    found = result.confirmed
    if result.space is not None and not result.space.hyper_parameters:
        return  # there is one trial
    if found is not None and len(found.finalists) < ENOUGH_FINALISTS:
        yield f"{len(found.finalists)} finalists were compared: {ENOUGH_FINALISTS} find more"


def collapsed_or_failed(result: Result) -> Iterator[str]:
    """Some fresh runs of the confirmed trial collapsed or failed."""
    if result.confirmed is None:
        return
    best = result.confirmed.best
    for count, what in ((best.collapsed, "collapsed"), (best.failed, "failed")):
        if count:
            yield f"{count} of {len(best.values) + best.failed} fresh runs of {best.name} {what}"


def missing_references(result: Result) -> Iterator[str]:
    """A reference has no value, so that the result cannot be compared with it."""
    found = result.confirmed
    if found is not None and found.done == found.planned:
        for name in found.planned_references:
            if name not in found.references:
                yield f"every run of the reference {name} failed: nothing is compared with it"


def selected_on_test(result: Result) -> Iterator[str]:
    """The split that trials are chosen on is the test split."""
    if result.val_is_test:
        yield "trials are chosen on the test split: no score is held out"


#: Every warning, the most important one first.
WARNINGS: tuple[Callable[[Result], Iterator[str]], ...] = (
    below_reference,
    selected_on_test,
    single_seed,
    lucky_look,
    at_bound,
    few_finalists,
    collapsed_or_failed,
    missing_references,
)
