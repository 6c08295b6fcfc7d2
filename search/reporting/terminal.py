"""The printer for terminals: one study or all of them, as text and tables."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from search.quality.assessment import Assessment
from search.reporting.assessment_text import assessment_lines
from search.reporting.digest import (
    MORE_TRIALS,
    best_of,
    compute_lines,
    counts_text,
    lines_of_others,
    more_trials,
    pruned_of,
    tally_reasons,
)
from search.reporting.study_view import StudyView
from search.reporting.tables import (
    NextCommand,
    Summary,
    best_table,
    reasons_table,
    summary_text,
)
from trainer.console.shell import shell_text, trainer_command

__all__ = ["best", "study_list", "study_status", "summary"]


def summary(
    view: StudyView,
    seconds: float,
    *,
    assessment: Assessment | None = None,
) -> RenderableType:
    """The end of a search: the best trial, why trials were pruned, and commands to run next.

    Args:
        view: The study.
        seconds: Duration of the search in this process.
        assessment: How good its result is; None before the first complete trial.
    """
    return summary_text(
        Summary(
            notes=(*compute_lines(view), *lines_of_others(view)),
            study=view.name,
            target=view.target,
            counts=view.counts,
            best=best_of(view),
            assessment=_assessed(assessment),
            pruned=pruned_of(view),
            seconds=seconds,
            next_commands=tuple(_next_commands(view)),
        )
    )


def best(view: StudyView, assessment: Assessment | None = None) -> RenderableType:
    """The best trial, and how far its value can be trusted."""
    found = best_of(view)
    assert found is not None
    lines = (*_assessed(assessment), *compute_lines(view))
    return Group(best_table(found), *map(Text, _spaced(lines)))


def study_list(views: list[StudyView]) -> RenderableType:
    """A table of studies."""
    table = Table(box=None, padding=(0, 3, 0, 0), pad_edge=False, header_style="dim")
    for column in ("study", "state", "trials", "best", "created (UTC)"):
        table.add_column(column)
    for view in views:
        table.add_row(
            Text(view.name),
            view.state,
            f"{view.counts.finished} of {view.target}",
            "" if view.best is None else f"{view.best.value:.2f}",
            f"{view.created_at:%Y-%m-%d %H:%M}",
        )
    if not views:
        return Text("no studies yet")
    return Group(table, *_objective_lines(views))


def _objective_lines(views: list[StudyView]) -> list[Text]:
    """The objective behind the column ``best``: one line, or one per objective."""
    studies: dict[str, list[str]] = {}
    for view in views:
        studies.setdefault(view.objective_title, []).append(view.name)
    if len(studies) == 1:
        return [Text(f"best: {title}", style="dim") for title in studies]
    return [
        Text(f"best of {', '.join(names)}: {title}", style="dim")
        for title, names in studies.items()
    ]


def study_status(
    view: StudyView, assessment: Assessment | None = None, *, failures: bool
) -> RenderableType:
    """The state of a study: counts, best trial, and why trials were pruned."""
    lines: list[RenderableType] = [
        Text(f"{view.name}: {view.state}" + (f", {view.driver}" if view.driver else "")),
        Text(counts_text(view)),
        *map(Text, compute_lines(view)),
        *map(Text, lines_of_others(view)),
    ]
    found = best_of(view)
    if found is None:
        lines.append(Text(f"no complete trial yet; score: {view.objective_title}", style="dim"))
    else:
        lines += [Text(), best_table(found), *map(Text, _spaced(_assessed(assessment)))]
    if pruned := pruned_of(view):
        lines += [Text(), reasons_table(tally_reasons(pruned))]
    if failures:
        lines += [Text(), *_failure_lines(view)]
    return Group(*lines)


def _assessed(assessment: Assessment | None) -> tuple[str, ...]:
    return () if assessment is None else tuple(assessment_lines(assessment))


def _spaced(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The lines, after an empty one if there are any."""
    return ("", *lines) if lines else ()


def _failure_lines(view: StudyView) -> Iterator[RenderableType]:
    failed = [trial for trial in view.trials if trial.state == "failed"]
    for trial in failed:
        yield Text(f"trial {trial.number} failed: {trial.reason}", style="bold")
        yield Text(trial.traceback)
    if not failed:
        yield Text("no trial failed")


def _next_commands(view: StudyView) -> list[NextCommand]:
    if view.counts.finished < view.target:
        return [
            NextCommand(command=view.command("resume"), purpose="continue the search"),
            NextCommand(command=view.command("status"), purpose="show its status"),
        ]
    more = NextCommand(
        command=more_trials(view),
        purpose=f"run {MORE_TRIALS} more trials",
    )
    commands = [
        *_with_the_best(view),
        NextCommand(command=view.command("next"), purpose="see what should gain most"),
        NextCommand(command=view.command("dashboard", named=False), purpose="browse all trials"),
    ]
    return commands if view.nothing_searched else [*commands, more]


def _with_the_best(view: StudyView) -> list[NextCommand]:
    """What to do with the best trial; nothing without a complete one."""
    if view.best is None:
        return []
    fit = trainer_command("fit", "best.toml")
    return [
        NextCommand(
            command=f"{view.save_best()} && {shell_text(fit)}",
            purpose="train the best trial again",
        ),
        NextCommand(command=view.command("confirm"), purpose="confirm it with fresh seeds"),
    ]
