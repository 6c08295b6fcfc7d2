"""The assessment of a study's result as lines of text, for printers."""

from collections.abc import Iterator, Mapping
from typing import Any

from search.quality.assessment import Assessment
from search.quality.audit import CONFIDENCE, Audit, NotAudited
from search.quality.confirmed import Confirmed, Repeated
from search.quality.expected import Expected, NotExpected

__all__ = ["assessment_lines", "audit_text"]


def assessment_lines(assessment: Assessment) -> Iterator[str]:
    """One line for each of the three numbers, what belongs to them, and each warning."""
    yield (
        f"claimed    {assessment.claimed:.2f}  trial {assessment.trial}, the best of"
        f" {assessment.complete} complete"
    )
    match assessment.expected:
        case NotExpected(reason=reason):
            yield f"expected   not computed: {reason}"
        case Expected() as expected:
            yield (
                f"expected   {expected.mean:.2f}  [{expected.low:.1f}, {expected.high:.1f}]"
                f" on fresh seeds: trial {expected.trial}, by a model of {expected.trials} trials"
            )
    if assessment.confirmed is None:
        yield "confirmed  not yet"
    else:
        yield from _confirmed_lines(assessment.confirmed, assessment.test)
    match assessment.audit:
        case NotAudited(reason=reason, nothing_to_lose=True):
            yield f"pruning    loses nothing: {reason}"
        case NotAudited(reason=reason):
            yield f"pruning    not audited: {reason}"
        case Audit() as audit:
            yield f"pruning    {audit_text(audit)}"
    for warning in assessment.warnings:
        yield f"warning    {warning}"


def audit_text(audit: Audit) -> str:
    """What pruning would have lost, in one line: ``0 of 21 full runs would have been a loss``."""
    line = (
        f"{len(audit.lost)} of {audit.runs} full runs would have been a loss"
        f" (≤ {100 * audit.bound:.0f} % at {100 * CONFIDENCE:.0f} %):"
        f" {audit.pruner} would have stopped {len(audit.stopped)}"
    )
    if not audit.lost:
        return f"{line}, none of them in the best fifth"
    line = f"{line}, {', '.join(map(str, audit.lost))} of them in the best fifth"
    return f"{line}; the best value would be {audit.cost:.2f} lower" if audit.cost else line


def _confirmed_lines(found: Confirmed, test: Mapping[str, Any] | None) -> Iterator[str]:
    best = found.best
    held_out = "" if found.held_out is None else f"; {found.held_out:.2f} where others chose it"
    yield (
        f"confirmed  {_mean(best)} {best.name}, {len(best.values)} fresh seeds{held_out}"
        f"{_progress(found)}"
    )
    if test is not None and test["trial"] == best.trial and "miou" in test:
        yield (
            f"test       mIoU {test['miou']:.2f}, mean of {len(test['seeds'])} fresh runs; test"
            f" was scored {test['reading']} times so far"
        )
    if len(found.finalists) > 1:
        others = ", ".join(map(str, found.not_worse))
        yield f"not worse  trials {others}: the interval of the difference contains 0"
    if not found.planned_references:
        return
    references = (f"{name} {_mean(each)}" for name, each in found.references.items())
    yield f"references {'; '.join(references) or 'none yet'}"


def _mean(runs: Repeated) -> str:
    if runs.interval is None:
        return f"{runs.mean:.2f} "
    low, high = runs.interval
    return f"{runs.mean:.2f}  [{low:.1f}, {high:.1f}]"


def _progress(found: Confirmed) -> str:
    if found.done == found.planned:
        return ""
    return f" ({found.done} of {found.planned} runs so far)"
