"""Is the best evaluation of the best trial far above its last ones?"""

from search.quality.look import best_look
from search.reporting.health.check import Finding, HealthCheck, failed, passed, warned
from search.reporting.health.fixes import confirm, launch_other, more_trials
from search.reporting.measures import full_runs, noise
from search.reporting.study_details import StudyDetails

__all__ = ["LUCKY"]


def examine(details: StudyDetails) -> Finding:
    """Compare the best trial's best evaluation with the median of its last ones."""
    runs = full_runs(details.view)
    found = best_look(runs[0].scores, noise(details.view)) if runs else None
    if found is None:
        return warned("not known: too few full runs or evaluations", more_trials(details, 20))
    line = found.text(runs[0].number)
    if not found.is_far:
        return passed(line)
    if details.setting("evaluation.report") == "best":
        fix = launch_other(details, "--config", "last.toml")
        return failed(f'{line}; [evaluation] report = "last" does not reward luck', fix)
    return warned(f"{line}: it got worse, or the evaluation was lucky", confirm(details))


LUCKY = HealthCheck(
    name="lucky-evaluation", title="Is the best value one lucky evaluation?", examine=examine
)
