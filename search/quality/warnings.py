"""Warnings about the result of a search: what its numbers do not show, one line each."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from search.quality.bounds import crowded_bounds
from search.quality.confirmed import Confirmed
from search.quality.look import best_look
from search.records.confirmation import FINALISTS
from search.spaces import Space

__all__ = ["Result", "warnings_of"]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What the warnings are about."""

    #: The best trial: its number, and its scores by evaluation.
    trial: int
    scores: Mapping[int, float]
    #: Parameters of the full runs, the best one first.
    top: Sequence[Mapping[str, float]]
    #: Typical deviation of the last scores of a run; None if it is not known.
    spread: float | None
    #: None if this version does not know the space.
    space: Space | None
    confirmed: Confirmed | None
    #: Whether the val split is the test split.
    val_is_test: bool
    #: Criteria that must exceed those of a reference as well (``Objective.leads``).
    leads: Mapping[str, float] = field(default_factory=dict)


def warnings_of(result: Result) -> tuple[str, ...]:
    """Every warning that applies."""
    return tuple(line for warning in WARNINGS for line in warning(result))


def below_reference(result: Result) -> Iterator[str]:
    """The confirmed trial is no better than a reference."""
    for best, reference in _compared(result, Confirmed.below):
        yield f"no success: {best} is not above {reference}"


def near_reference(result: Result) -> Iterator[str]:
    """The confirmed trial is above a reference, but perhaps by luck."""
    for best, reference in _compared(result, Confirmed.unclear):
        yield (f"no clear success: {best} is above {reference} by no more than seeds may explain")


def lacking_reference(result: Result) -> Iterator[str]:
    """The confirmed trial is above a reference by its value, but not by all that must be."""
    found = result.confirmed
    if found is None:
        return
    for name, criterion in found.lacking(result.leads).items():
        reference = found.references[name]
        ours, theirs = (each.criteria[criterion] for each in (found.best, reference))
        yield (
            f"no clear success: {found.best.name} ({found.best.mean:.2f}) is above {name}"
            f" ({reference.mean:.2f}), but its {criterion} is {ours:.3f} against {theirs:.3f}: a"
            " score without labels may rise while the clusters become worse"
        )


def _compared(
    result: Result, choose: Callable[[Confirmed], tuple[str, ...]]
) -> Iterator[tuple[str, str]]:
    """The confirmed trial and each chosen reference, by name and mean."""
    found = result.confirmed
    if found is None:
        return
    best = f"{found.best.name} ({found.best.mean:.2f})"
    for name in choose(found):
        yield best, f"{name} ({found.references[name].mean:.2f})"


def single_seed(result: Result) -> Iterator[str]:
    """Nothing was confirmed."""
    if result.confirmed is None:
        yield f"trial {result.trial} was trained with a single seed: nothing is confirmed yet"


def at_bound(result: Result) -> Iterator[str]:
    """Several of the best runs, the best one among them, are near a bound."""
    if result.space is None:
        return
    for found in crowded_bounds(result.space.hyper_parameters, result.top):
        yield f"{found.text}: a wider range may hold a better trial"


def lucky_look(result: Result) -> Iterator[str]:
    """The best evaluation is far above the last ones."""
    found = best_look(result.scores, result.spread)
    if found is not None and found.is_far:
        yield f"{found.text(result.trial)}: it got worse, or the evaluation was lucky"


def few_finalists(result: Result) -> Iterator[str]:
    """Fewer finalists than can tell a good choice from luck."""
    found = result.confirmed
    if result.space is not None and not result.space.hyper_parameters:
        return  # there is one trial
    if found is not None and len(found.finalists) < FINALISTS:
        count = len(found.finalists)
        compared = "1 finalist was" if count == 1 else f"{count} finalists were"
        yield f"{compared} compared: {FINALISTS} find more"


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
    near_reference,
    lacking_reference,
    selected_on_test,
    single_seed,
    lucky_look,
    at_bound,
    few_finalists,
    collapsed_or_failed,
    missing_references,
)
