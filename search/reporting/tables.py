"""Tables for the end of a search and for ``best``."""

from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from search.records.counts import Counts
from search.records.stored_trial import kind_text
from search.reporting.digest import (
    BestTrial,
    PrunedTrial,
    ReasonRow,
    number_text,
    tally_reasons,
)
from trainer.console.durations import duration_text

__all__ = ["NextCommand", "Summary", "best_table", "reasons_table", "summary_text"]


@dataclass(frozen=True, kw_only=True)
class NextCommand:
    """A command to run next."""

    command: str
    #: What it does, in a few words.
    purpose: str


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The contents of the summary at the end of a search."""

    study: str
    #: Number of trials to finish.
    target: int
    counts: Counts
    best: BestTrial | None
    #: How far the best value can be trusted, one line each.
    assessment: tuple[str, ...] = ()
    pruned: tuple[PrunedTrial, ...]
    #: Seconds that this process searched.
    seconds: float
    next_commands: tuple[NextCommand, ...]
    #: What the trials trained, and changes that others made to the study, one line each.
    notes: tuple[str, ...] = ()


def summary_text(summary: Summary) -> RenderableType:
    """The best trial, why trials were pruned, and the next commands."""
    parts: list[RenderableType] = [
        Text("\n").join([_headline(summary), *map(Text, summary.notes)])
    ]
    if summary.best is not None:
        parts.append(best_table(summary.best))
    if summary.assessment:
        parts.append(Text("\n".join(summary.assessment)))
    if summary.pruned:
        parts.append(reasons_table(tally_reasons(summary.pruned)))
    if summary.next_commands:
        parts.append(_commands_table(summary.next_commands))
    return Group(*(line for part in parts for line in (Text(), part)))


def best_table(best: BestTrial) -> RenderableType:
    """The best trial's value, scores and hyper-parameters."""
    title = Text.assemble(
        (f"best trial {best.number}: {best.value:.2f}", "bold"), (f"  {best.made}", "dim")
    )
    table = _table()
    table.add_column("hyper-parameter", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    if best.defaults:
        table.add_column("default", justify="right", no_wrap=True, style="dim")
    for name, value in best.parameters.items():
        default = [number_text(best.defaults[name])] if name in best.defaults else []
        table.add_row(Text(name), number_text(value), *default)
    lines = [Text(best.scores_text)] if best.scores else []
    parameters = [Padding(table, (0, 0, 0, 2))] if best.parameters else []
    return Group(title, *lines, *parameters)


def _headline(summary: Summary) -> Text:
    counts = summary.counts
    failed = f", {counts.failed} failed" if counts.failed else ""
    return Text.assemble(
        (summary.study, "bold"),
        f": {counts.finished} of {summary.target} trials in {duration_text(summary.seconds)}:"
        f" {counts.complete} complete, {counts.pruned} pruned"
        f" ({counts.collapsed} collapsed, {counts.behind} underperforming){failed}",
    )


def reasons_table(rows: tuple[ReasonRow, ...]) -> RenderableType:
    """How many trials each rule pruned, with an example."""
    table = _table()
    table.add_column("pruned", no_wrap=True)
    table.add_column("trials", justify="right", no_wrap=True)
    table.add_column("for example")
    for row in rows:
        example = f"trial {row.example.number}: {row.example.reason}"
        table.add_row(kind_text(row.kind), str(row.count), Text(example))
    return table


def _commands_table(commands: tuple[NextCommand, ...]) -> RenderableType:
    """Each command on a line of its own, so that it can be copied."""
    lines = [Text("next", style="dim")]
    for item in commands:
        lines.append(Text(f"  {item.purpose}:"))
        lines.append(Text(f"    {item.command}", style="bold", no_wrap=True, overflow="ignore"))
    return Group(*lines)


def _table() -> Table:
    return Table(box=None, padding=(0, 3, 0, 0), pad_edge=False, header_style="dim")
