"""Is the best trial better than the next ones?"""

from search.quality.confirmed import Confirmed, confirmed
from search.reporting.health.check import Finding, HealthCheck, passed, warned
from search.reporting.health.fixes import confirm, more_trials
from search.reporting.measures import full_runs, noise, value_of
from search.reporting.study_details import StudyDetails

__all__ = ["MARGIN"]


def examine(details: StudyDetails) -> Finding:
    """Count the full runs whose value is within the noise of the best one."""
    runs, spread = full_runs(details.view), noise(details.view)
    if spread is None:
        return warned("not known: too few full runs", more_trials(details, 20))
    found = confirmed(details.view.confirmation)
    if found is not None:
        return _by_seeds(details, found)
    best = value_of(runs[0])
    close = [trial.number for trial in runs[1:] if best - value_of(trial) <= spread]
    if not close:
        gap = best - value_of(runs[1])
        return passed(f"it leads by {gap:.2f}; a run's last scores deviate by {spread:.2f}")
    shown = ", ".join(map(str, close[:5])) + (", …" if len(close) > 5 else "")
    return warned(
        f"{len(close)} trials ({shown}) are within {spread:.2f} of it, the deviation of a run's"
        " last scores: train them with further seeds before you choose",
        confirm(details),
    )


def _by_seeds(details: StudyDetails, found: Confirmed) -> Finding:
    """What fresh runs say, which is more than single values do."""
    others = ", ".join(map(str, found.not_worse[1:]))
    if not others:
        return passed(f"fresh seeds tell {found.best.name} from the other finalists")
    return warned(
        f"{found.seeds} fresh seeds do not tell {found.best.name} from {others}",
        confirm(details, "--seeds", 2 * found.seeds),
    )


MARGIN = HealthCheck(
    name="margin", title="Is the best trial better than the next ones?", examine=examine
)
