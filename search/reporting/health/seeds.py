"""Was the best trial confirmed with further seeds?"""

from search.reporting.health.check import Finding, HealthCheck, passed, warned
from search.reporting.health.fixes import more_trials, train_best
from search.reporting.study_details import StudyDetails

__all__ = ["SEEDS"]

#: User attributes of a study that hold runs of its best trials with further seeds.
CONFIRMATIONS = ("confirmed", "confirmation", "confirmations")


def examine(details: StudyDetails) -> Finding:
    """Look for stored confirmations."""
    found = [name for name in CONFIRMATIONS if details.attributes.get(name)]
    if found:
        return passed("runs with further seeds are stored with the study")
    if details.view.best is None:
        return warned("not known: no trial is complete", more_trials(details, 20))
    return warned(
        "each trial was trained with one seed; set another seed in best.toml",
        train_best(details),
    )


SEEDS = HealthCheck(
    name="one-seed", title="Was the best trial confirmed with further seeds?", examine=examine
)
