"""What the pruner ``auto`` chose in a stored study, in one line."""

from search.reporting.measures import value_of
from search.reporting.study_view import StudyView

__all__ = ["auto_line"]

#: Its name in the table of pruners.
AUTO = "auto"


def auto_line(view: StudyView) -> str | None:
    """The choice of the pruner ``auto``; None for other pruners.

    It follows from the trials that have ended, as for the driver.
    """
    if view.setting("search.pruner") != AUTO or view.nothing_searched:
        return None
    # lazily: pruners import Optuna, and studies are shown without it while they are small
    from search.errors import SearchError
    from search.pruners import AutoPruner, build_pruner
    from search.pruners.evidence import Curve
    from trainer.errors import TrainerError

    evaluations = int(view.setting("evaluation.evaluations") or 0)
    try:
        pruner = build_pruner(AUTO, evaluations, view.setting("search.pruner_options") or {})
    except (SearchError, TrainerError):
        return None
    assert isinstance(pruner, AutoPruner)
    full = {
        trial.number: Curve(number=trial.number, value=value_of(trial), scores=trial.scores)
        for trial in view.trials
        if trial.state == "complete" and trial.counted
    }
    ended = {trial.number: full.get(trial.number) for trial in view.trials if trial.ended}
    choice, runs = pruner.choice(ended)
    if choice is not None:
        return f"pruner auto {choice.text()}"
    if runs < pruner.least_full_runs:
        return (
            f"pruner auto stops no trial yet: {runs} of {pruner.least_full_runs} immune full runs"
        )
    return (
        f"pruner auto stops no trial yet: in {runs} immune full runs, no evaluation tells the end"
        " well enough"
    )
