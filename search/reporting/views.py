"""What the verbs print, made from views of studies: data in, text out."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
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

__all__ = ["best", "preparing", "study_list", "study_status", "summary"]


@contextmanager
def preparing(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Shows how far the preparation of features is: bars on a terminal, else a line a step."""
    if not console.is_terminal:
        yield lambda what, done, total: _say_step(console, what, done, total)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield tell


def _say_step(console: Console, what: str, done: int, total: int) -> None:
    if done >= total:
        console.print(f"{what}: {total}", markup=False, highlight=False)


def summary(view: StudyView, seconds: float, *, storage: str) -> RenderableType:
    """The end of a search: the best trial, what was pruned and why, what to do next."""
    return summary_text(
        Summary(
            notes=tuple(_lines_of_others(view)),
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
        *(Text(line) for line in _lines_of_others(view)),
    ]
    found = _best(view)
    if found is not None:
        lines += [Text(), best_table(found)]
    if pruned := _pruned(view):
        lines += [Text(), reasons_table(tally_reasons(pruned))]
    if failures:
        lines += [Text(), *_failure_lines(view)]
    return Group(*lines)


def _lines_of_others(view: StudyView) -> Iterator[str]:
    """What others did to the study: trials they queued, added as ended, or ended."""
    for number, how in view.queued().items():
        if how != "waits":
            yield f"trial {number} was queued {how}"
    waiting = [number for number, how in view.queued().items() if how == "waits"]
    if waiting and view.state == "finished":
        yield (
            f"{len(waiting)} queued after the last trial had begun: `search resume"
            f" {view.record.name} --trials {view.record.trials + len(waiting)}` runs them"
        )
    elif waiting:
        yield f"{len(waiting)} queued, to be run as the next trials"
    if view.counts.foreign:
        yield f"{view.counts.foreign} ended by somebody else: not counted"


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


def _next_commands(view: StudyView, storage: str) -> list[NextCommand]:
    name = view.record.name
    if view.counts.finished < view.record.trials:
        return [
            NextCommand(command=f"python -m search resume {name}{storage}", purpose="go on"),
            NextCommand(command=f"python -m search status {name}{storage}", purpose="look"),
        ]
    return [
        NextCommand(
            command=f"python -m search best {name}{storage} --format toml > best.toml"
            " && python -m trainer fit best.toml",
            purpose="train the best trial again",
        ),
        NextCommand(command=f"python -m search dashboard{storage}", purpose="browse all trials"),
        NextCommand(
            command=f"python -m search resume {name}{storage} --trials {view.record.trials + 100}",
            purpose="search on",
        ),
    ]
