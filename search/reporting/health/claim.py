"""Is the claimed value to be expected of a fresh run?"""

from search.quality.expected import Expected
from search.reporting.health.check import Finding, HealthCheck, passed, warned
from search.reporting.health.fixes import confirm, more_trials
from search.reporting.study_details import StudyDetails

__all__ = ["CLAIM"]


def examine(details: StudyDetails) -> Finding:
    """Compare the best value with what a model of all trials expects."""
    found = details.assessment
    if found is None:
        return warned("not known: no trial is complete", more_trials(details, 20))
    expected = found.expected
    if not isinstance(expected, Expected):
        return warned(f"not known: {expected.reason}", more_trials(details, 20))
    line = (
        f"the best value is {found.claimed:.2f}; a model of all trials expects"
        f" {expected.mean:.2f} [{expected.low:.1f}, {expected.high:.1f}] of a fresh seed"
    )
    return passed(line) if found.claimed <= expected.high else warned(line, confirm(details))


CLAIM = HealthCheck(
    name="claim", title="Is the best value to be expected of a fresh run?", examine=examine
)
