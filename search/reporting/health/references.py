"""Comparison of the confirmed trial with the references that ran beside it."""

from search.quality.confirmed import confirmed
from search.records.jobs import REFERENCES
from search.reporting.health.check import Finding, failed, passed
from search.reporting.study_details import StudyDetails

__all__ = ["against_reference"]


def against_reference(
    details: StudyDetails, reference: int, what: str, *, fix: str
) -> Finding | None:
    """Compare fresh runs of the best trial with those of a reference.

    Args:
        details: The study.
        reference: Number of the reference.
        what: What it is, in words.
        fix: The command to run if the trial is not above it.

    Returns:
        None if no run of it is stored.
    """
    found = confirmed(details.view.confirmation)
    other = None if found is None else found.references.get(REFERENCES[reference])
    if found is None or other is None:
        return None
    gain = found.best.mean - other.mean
    side = "above" if gain > 0 else "below"
    line = f"{found.best.name} is {abs(gain):.2f} {side} {what} ({other.mean:.2f})"
    return passed(line) if gain > 0 else failed(line, fix)
