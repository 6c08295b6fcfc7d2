"""Is the best trial better than clustering the frozen features?"""

from collections.abc import Mapping

from search.reporting.health.check import Finding, HealthCheck, failed, passed, warned
from search.reporting.measures import full_runs, value_of
from search.reporting.study_details import StudyDetails
from trainer.console.shell import shell_text, trainer_command

__all__ = ["FROZEN"]

#: User attribute of a study: values of other methods by name, in the study's objective.
BASELINES_ATTRIBUTE = "baselines"


def examine(details: StudyDetails) -> Finding:
    """Compare the best trial with the stored value of ``kmeans``, if any."""
    stored = details.attributes.get(BASELINES_ATTRIBUTE)
    value = stored.get("kmeans") if isinstance(stored, Mapping) else None
    runs = full_runs(details.view)
    fix = shell_text(trainer_command("fit", "kmeans.toml"))
    if not isinstance(value, int | float) or not runs:
        return warned(
            "not known: no value of k-means on the frozen features is stored; a file with this"
            ' study\'s data and backbone and [method] name = "kmeans" trains it',
            fix,
        )
    gain = value_of(runs[0]) - value
    side = "above" if gain > 0 else "below"
    line = f"the best trial is {abs(gain):.2f} {side} k-means on the frozen features ({value:.2f})"
    return passed(line) if gain > 0 else failed(line, fix)


FROZEN = HealthCheck(
    name="frozen-kmeans", title="Is it better than the frozen features?", examine=examine
)
