"""Is the confirmed trial better than clustering the frozen features?"""

from search.quality.confirmed import confirmed
from search.records.jobs import KMEANS, REFERENCES
from search.reporting.health.check import Finding, HealthCheck, failed, passed, warned
from search.reporting.health.fixes import confirm, launch_other
from search.reporting.study_details import StudyDetails

__all__ = ["FROZEN"]


def examine(details: StudyDetails) -> Finding:
    """Compare fresh runs of the best trial with k-means on the frozen features."""
    found = confirmed(details.view.confirmation)
    reference = None if found is None else found.references.get(REFERENCES[KMEANS])
    if found is None or reference is None:
        line = "not known: no run of k-means on the frozen features is stored"
        return warned(line, confirm(details))
    gain = found.best.mean - reference.mean
    side = "above" if gain > 0 else "below"
    line = (
        f"{found.best.name} is {abs(gain):.2f} {side} k-means on the frozen features"
        f" ({reference.mean:.2f})"
    )
    return passed(line) if gain > 0 else failed(line, launch_other("--space", "per-modality"))


FROZEN = HealthCheck(
    name="frozen-kmeans", title="Is it better than the frozen features?", examine=examine
)
