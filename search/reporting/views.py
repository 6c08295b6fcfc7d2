"""What the verbs print, made from views of studies: data in, text out."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from search.config.protocols import study_protocol
from search.records.outcome import prune_kind, prune_reason
from search.reporting.reading import StudyView, failures
from search.reporting.tables import (
    BestTrial,
    NextCommand,
    PrunedTrial,
    Summary,
    best_table,
    reasons_table,
    summary_text,
    tally_reasons,
)
from search.spaces import Space
from trainer.console.shell import search_command, shell_text, trainer_command

__all__ = ["best", "study_list", "study_status", "summary"]


def summary(view: StudyView, seconds: float, *, storage: tuple[str, ...]) -> RenderableType:
    """The end of a search: the best trial, what was pruned and why, what to do next.

    Args:
        view: The study.
        seconds: Of searching.
        storage: The flag that reaches its database, or nothing.
    """
    return summary_text(
        Summary(
            study=view.record.name,
            target=view.record.trials,
            counts=view.counts,
            best=_best(view),
            pruned=_pruned(view),
            seconds=seconds,
            next_commands=tuple(_next_commands(view, storage)),
        )
    )


def best(view: StudyView) -> RenderableType:
    """The best trial."""
    found = _best(view)
    assert found is not None
    return best_table(found)


def study_list(views: list[StudyView]) -> RenderableType:
    """A table of studies."""
    table = Table(box=None, padding=(0, 3, 0, 0), pad_edge=False, header_style="dim")
    for column in ("study", "state", "trials", "best", "created (UTC)"):
        table.add_column(column)
    for view in views:
        table.add_row(
            Text(view.record.name),
            view.state,
            f"{view.counts.finished} of {view.record.trials}",
            "" if view.best is None else f"{view.best.values[0]:.2f}",
            f"{view.record.created_at:%Y-%m-%d %H:%M}",
        )
    return table if views else Text("no studies yet: `python -m search launch` starts one")


def study_status(view: StudyView, *, failures: bool) -> RenderableType:
    """How a study stands."""
    counts = view.counts
    lines: list[RenderableType] = [
        Text(f"{view.record.name}: {view.state}" + (f", {view.driver}" if view.driver else "")),
        Text(
            f"{counts.finished} of {view.record.trials} trials: {counts.complete} complete,"
            f" {counts.collapsed} collapsed, {counts.behind} behind;"
            f" {counts.failed} failed, {counts.running} running"
        ),
    ]
    found = _best(view)
    if found is not None:
        lines += [Text(), best_table(found)]
    if pruned := _pruned(view):
        lines += [Text(), reasons_table(tally_reasons(pruned))]
    if failures:
        lines += [Text(), *_failure_lines(view)]
    return Group(*lines)


def _failure_lines(view: StudyView) -> list[RenderableType]:
    lines: list[RenderableType] = []
    for number, reason, traceback in failures(view):
        lines += [Text(f"trial {number} failed: {reason}", style="bold"), Text(traceback)]
    return lines or [Text("no trial failed")]


def _best(view: StudyView) -> BestTrial | None:
    if view.best is None:
        return None
    return BestTrial(
        number=view.best.number,
        value=view.best.values[0],
        protocol=study_protocol(view.record.config),
        parameters=view.best.params,
        defaults=Space.from_json(view.record.space).defaults,
        scores=_scores(view),
    )


def _scores(view: StudyView) -> dict[str, float]:
    """The last evaluation on val and, once it was read, the one on test."""
    assert view.best is not None
    attributes = view.best.user_attrs
    scores = {
        f"val {shown}": attributes[name]
        for name, shown in (("miou", "mIoU"), ("accuracy", "accuracy"))
        if name in attributes
    }
    if view.test and view.test["trial"] == view.best.number and "cluster" in view.test:
        scores["test mIoU"] = view.test["cluster"]["miou"]
        scores["test accuracy"] = view.test["cluster"]["accuracy"]
    return scores


def _pruned(view: StudyView) -> tuple[PrunedTrial, ...]:
    return tuple(
        PrunedTrial(number=trial.number, kind=kind, reason=prune_reason(trial) or "")
        for trial in view.trials
        if (kind := prune_kind(trial)) is not None
    )


def _next_commands(view: StudyView, storage: tuple[str, ...]) -> list[NextCommand]:
    name = view.record.name

    def command(verb: str, *options: object, study: str | None = name) -> str:
        return shell_text(search_command(verb, *storage, *options, study=study))

    if view.counts.finished < view.record.trials:
        return [
            NextCommand(command=command("resume"), purpose="go on"),
            NextCommand(command=command("status"), purpose="look"),
        ]
    best = search_command("best", *storage, "--format", "toml", study=name)
    fit = trainer_command("fit", "best.toml")
    return [
        NextCommand(
            command=f"{shell_text(best, into='best.toml')} && {shell_text(fit)}",
            purpose="train the best trial again",
        ),
        NextCommand(command=command("dashboard", study=None), purpose="browse all trials"),
        NextCommand(
            command=command("resume", "--trials", view.record.trials + 100), purpose="search on"
        ),
    ]
