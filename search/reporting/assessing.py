"""Assess the result of a study that was read, and choose its finalists."""

from collections.abc import Mapping
from dataclasses import dataclass

from search.objectives import OBJECTIVES
from search.quality.assessment import Assessment
from search.quality.audit import NotAudited
from search.quality.confirmed import confirmed
from search.quality.expected import Expected, NotExpected, Point, expect
from search.quality.warnings import Result, warnings_of
from search.records.confirmation import ChosenBy
from search.reporting.measures import full_runs, noise
from search.reporting.pruning_audit import audit_of
from search.reporting.study_view import StudyView

__all__ = ["Finalists", "assess", "choose_finalists"]

#: Why ``status`` leaves it out: a running search is looked at often.
LATER = "the search is running; `python -m search best` computes it now"


@dataclass(frozen=True, kw_only=True)
class Finalists:
    """The trials to confirm."""

    #: Numbers, the preferred one first.
    trials: tuple[int, ...]
    chosen_by: ChosenBy


def choose_finalists(view: StudyView, assessment: Assessment, *, top: int) -> Finalists:
    """The complete trials that the model prefers; without a model, those of the highest values.

    Args:
        view: The study.
        assessment: What its model expects.
        top: How many there are at most.
    """
    if isinstance(assessment.expected, Expected):
        ranking = [number for number, _ in assessment.expected.ranking]
        return Finalists(trials=tuple(ranking[:top]), chosen_by="model")
    complete = {
        trial.number: trial.value
        for trial in view.trials
        if trial.state == "complete" and trial.counted and trial.value is not None
    }
    order = sorted(complete, key=lambda number: -complete[number])
    return Finalists(trials=tuple(order[:top]), chosen_by="value")


def assess(view: StudyView, *, quick: bool = False) -> Assessment | None:
    """What the study claims and what to expect; None before the first complete trial.

    Args:
        view: The study.
        quick: Leave out the expectation, which takes two seconds of CPU time for 200 trials, and
            the audit of the pruner, which imports Optuna.
    """
    if view.best is None or view.best.value is None:
        return None
    expected: Expected | NotExpected
    if view.space is None:
        expected = NotExpected(reason="another version created the study")
    elif quick:
        expected = NotExpected(reason=LATER)
    else:
        expected = expect(_points(view), view.space)
    found = confirmed(view.confirmation)
    return Assessment(
        trial=view.best.number,
        claimed=view.best.value,
        complete=view.counts.complete,
        expected=expected,
        confirmed=found,
        test=view.confirmation.test,
        audit=NotAudited(reason=LATER) if quick else audit_of(view),
        warnings=warnings_of(
            Result(
                trial=view.best.number,
                scores=view.best.scores,
                top=[trial.params for trial in full_runs(view)],
                spread=noise(view),
                space=view.space,
                confirmed=found,
                val_is_test=view.val_is_test,
                leads=_leads(view.objective),
            )
        ),
    )


def _leads(objective: str) -> Mapping[str, float]:
    """What a result must exceed besides its value; nothing if the objective is unknown."""
    return OBJECTIVES[objective].leads if objective in OBJECTIVES else {}


def _points(view: StudyView) -> list[Point]:
    """The finished trials that count."""
    return [
        Point(
            number=trial.number,
            params=trial.params,
            value=trial.value,
            kind=trial.kind or "complete",
        )
        for trial in view.trials
        if trial.counted and trial.state in ("complete", "pruned")
    ]
