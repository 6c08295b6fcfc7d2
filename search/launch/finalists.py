"""Choose the finalists of a finished search, and plan their confirmation."""

from search.errors import SettingsError, StudyError
from search.quality.assessment import Assessment
from search.records.confirmation import ALL_REFERENCES, ConfirmationPlan
from search.reporting.assessing import choose_finalists
from search.reporting.study_view import StudyView

__all__ = ["LEAST_SEEDS", "check_repeats", "plan_confirmation"]

LEAST_SEEDS = 2  # one run has no interval


def check_repeats(*, top: int, seeds: int) -> None:
    """Refuse too few finalists or seeds.

    Raises:
        SettingsError: If a number is too small.
    """
    if top < 1:
        raise SettingsError(f"--top {top} is too small: give 1 or more")
    if seeds < LEAST_SEEDS:
        raise SettingsError(f"--seeds {seeds} is too small: give {LEAST_SEEDS} or more")


def plan_confirmation(
    view: StudyView,
    assessment: Assessment | None,
    *,
    top: int,
    seeds: int,
    references: tuple[str, ...] = ALL_REFERENCES,
) -> ConfirmationPlan:
    """The trials that the model prefers; without a model, those of the highest values.

    Args:
        view: The study.
        assessment: What its model expects.
        top: Number of finalists.
        seeds: Fresh runs of each.
        references: The references to run with the same seeds.

    Raises:
        SettingsError: If a number is too small.
        StudyError: If the study is not finished, or has no complete trial.
    """
    check_repeats(top=top, seeds=seeds)
    if view.state != "finished":
        rule = f"study {view.name!r} is {view.state}, and only a finished search can be confirmed"
        if view.driver is not None:
            raise StudyError(f"{rule}: wait for it, `{view.command('attach')}` shows its progress")
        raise StudyError(f"{rule}: `{view.command('resume')}` finishes it")
    if assessment is None:
        raise StudyError(f"study {view.name!r} has no complete trial: there is nothing to confirm")
    params = {trial.number: trial.params for trial in view.trials}
    chosen = choose_finalists(view, assessment, top=top)
    return ConfirmationPlan(
        trials=chosen.trials,
        seeds=seeds,
        chosen_by=chosen.chosen_by,
        params={number: dict(params[number]) for number in chosen.trials},
        defaults=view.defaults,
        references=references,
    )
