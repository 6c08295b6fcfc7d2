"""Choose the finalists of a finished search, and plan their confirmation."""

from search.errors import SettingsError, StudyError
from search.quality.assessment import Assessment
from search.quality.expected import Expected
from search.records.confirmation import ChosenBy, ConfirmationPlan
from search.reporting.study_view import StudyView
from trainer.console.shell import search_command, shell_text

__all__ = ["LEAST_SEEDS", "plan_confirmation"]

LEAST_SEEDS = 2  # one run has no interval


def plan_confirmation(
    view: StudyView, assessment: Assessment | None, *, top: int, seeds: int
) -> ConfirmationPlan:
    """The trials that the model prefers; without a model, those of the highest values.

    Args:
        view: The study.
        assessment: What its model expects.
        top: Number of finalists.
        seeds: Fresh runs of each.

    Raises:
        SettingsError: If a number is too small.
        StudyError: If the study is not finished, or has no complete trial.
    """
    if top < 1:
        raise SettingsError(f"--top {top} is too small: give 1 or more")
    if seeds < LEAST_SEEDS:
        raise SettingsError(f"--seeds {seeds} is too small: give {LEAST_SEEDS} or more")
    if view.state != "finished":
        resume = shell_text(search_command("resume", study=view.name))
        raise StudyError(
            f"study {view.name!r} is {view.state}, and only a finished search can be confirmed:"
            f" wait for it, or run `{resume}`"
        )
    if assessment is None:
        raise StudyError(f"study {view.name!r} has no complete trial: there is nothing to confirm")
    complete = {
        trial.number: trial
        for trial in view.trials
        if trial.state == "complete" and trial.counted and trial.value is not None
    }
    chosen_by: ChosenBy
    if isinstance(assessment.expected, Expected):
        chosen_by = "model"
        order = [number for number, _ in assessment.expected.ranking]
    else:
        chosen_by = "value"
        order = sorted(complete, key=lambda number: -(complete[number].value or 0.0))
    trials = tuple(order[:top])
    return ConfirmationPlan(
        trials=trials,
        seeds=seeds,
        chosen_by=chosen_by,
        params={number: dict(complete[number].params) for number in trials},
        defaults=view.defaults,
    )
