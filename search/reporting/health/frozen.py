"""Is the confirmed trial better than clustering the frozen features?"""

from search.records.jobs import KMEANS
from search.reporting.health.check import Finding, HealthCheck, warned
from search.reporting.health.fixes import confirm, launch_like
from search.reporting.health.references import against_reference
from search.reporting.study_details import StudyDetails

__all__ = ["FROZEN"]


def examine(details: StudyDetails) -> Finding:
    """Compare fresh runs of the best trial with k-means on the frozen features."""
    fix = launch_like(details, "--space", "per-modality")
    found = against_reference(details, KMEANS, "k-means on the frozen features", fix=fix)
    if found is None:
        line = "not known: no run of k-means on the frozen features is stored"
        return warned(line, confirm(details))
    return found


FROZEN = HealthCheck(
    name="frozen-kmeans", title="Is it better than the frozen features?", examine=examine
)
