"""The printer of a single trial for terminals."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from search.errors import SettingsError
from search.objectives import find_objective
from search.reporting.digest import number_text
from search.reporting.measures import outcome_of
from search.reporting.study_details import TrialDetails
from search.reporting.study_view import WAITS, StudyView, TrialView
from trainer.console.durations import duration_text
from trainer.records import Report

__all__ = ["trial_text"]


def trial_text(found: TrialDetails) -> RenderableType:
    """A trial: how it stands and why, its hyper-parameters, and its evaluations."""
    view, trial = found.view, found.trial
    parts: list[RenderableType] = [_headline(view, trial)]
    parts += [Text(f"{name:<9} {text}") for name, text in _facts(trial)]
    if trial.params:
        parts += [Text(), Padding(_settings(view, trial), (0, 0, 0, 2))]
    if trial.scores or found.reports:
        parts += [Text(), Padding(_evaluations(found), (0, 0, 0, 2))]
    if trial.class_iou:
        parts += [Text(), Padding(_classes(trial), (0, 0, 0, 2))]
    if trial.traceback:
        parts += [Text(), Text(trial.traceback.rstrip())]
    return Group(*parts)


def _headline(view: StudyView, trial: TrialView) -> Text:
    value = "" if trial.value is None else f", {trial.value:.2f} {view.objective_title}"
    best = ", the best trial" if view.best and view.best.number == trial.number else ""
    name = f"{view.name}, trial {trial.number}"
    return Text.assemble((name, "bold"), f": {outcome_of(trial)}{value}{best}")


def _facts(trial: TrialView) -> Iterator[tuple[str, str]]:
    if trial.reason:
        yield "reason", trial.reason
    if trial.imported:
        return  # its attempts and times are those of the import
    if trial.queued == WAITS:
        yield "origin", "queued by a person; it waits"
    else:
        yield "origin", f"queued {trial.queued}" if trial.queued else "sampled by the search"
    count = len(trial.attempts)
    yield "attempts", f"{count} ({', '.join(trial.attempts)})" if count else "none yet"
    if trial.started_at is not None:
        yield "started", f"{trial.started_at:%Y-%m-%d %H:%M:%S}, local time of its driver"
    if trial.started_at is not None and trial.ended_at is not None:
        took = (trial.ended_at - trial.started_at).total_seconds()
        yield "took", f"{duration_text(took)}, waiting for a seat included"
    if trial.pictures:
        files = ", ".join(picture.file for picture in trial.pictures)
        yield "pictures", f"{files} in the dashboard"


def _settings(view: StudyView, trial: TrialView) -> Table:
    defaults = view.defaults
    table = _table("hyper-parameter", "value", *(["default"] if defaults else []))
    for name, value in trial.params.items():
        default = [number_text(defaults[name]) if name in defaults else ""] if defaults else []
        table.add_row(Text(name), number_text(value), *default)
    return table


def _evaluations(found: TrialDetails) -> Table:
    """A row per evaluation: its score, and the criteria that the objective reads."""
    criteria = _criteria(found.view)
    table = _table("evaluation", "iteration", "score", *criteria, "loss")
    reports = {report.evaluation: report for report in found.reports}
    for evaluation in sorted(reports.keys() | found.trial.scores.keys()):
        score = found.trial.scores.get(evaluation)
        shown = "" if score is None else f"{score:.2f}"
        table.add_row(str(evaluation), *_cells(reports.get(evaluation), shown, criteria))
    return table


def _classes(trial: TrialView) -> Table:
    """A row per class: its IoU at the last evaluation."""
    table = _table("class", "IoU, %")
    for name, iou in trial.class_iou.items():
        table.add_row(Text(name), f"{iou:.2f}")
    return table


def _criteria(view: StudyView) -> tuple[str, ...]:
    try:
        return find_objective(view.objective).criteria
    except SettingsError:  # another version created the study
        return ()


def _cells(report: Report | None, score: str, criteria: Sequence[str]) -> Iterator[str]:
    yield "" if report is None else str(report.iteration)
    yield score
    for name in criteria:
        value = None if report is None else report.criteria.get(name)
        yield "" if value is None else f"{value:.2f}"
    yield "" if report is None else f"{report.loss:.4g}"


def _table(first: str, *columns: str) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), pad_edge=False, header_style="dim")
    table.add_column(first, no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table
