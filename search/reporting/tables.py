"""Tables for the end of a search and for ``best``: plain records in, text out."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from search.driver.in_memory_study import Counts
from search.records.outcome import PruneKind
from search.reporting.durations import duration_text

__all__ = [
    "BestTrial",
    "NextCommand",
    "PrunedTrial",
    "ReasonRow",
    "Summary",
    "best_table",
    "number_text",
    "reasons_table",
    "summary_text",
    "tally_reasons",
]

#: What is equal in two sentences of the same rule: everything but the figures.
FIGURE = re.compile(r"-?\d+(\.\d+)?(, -?\d+)*( and -?\d+)?")


@dataclass(frozen=True, kw_only=True)
class BestTrial:
    """The trial of the highest value."""

    number: int
    #: The value told, in percent.
    value: float
    #: How the value was made, such as "median of the last 5 evaluations on the val split".
    protocol: str
    parameters: Mapping[str, float]
    #: The values of an untuned run, to compare with.
    defaults: Mapping[str, float] = field(default_factory=dict)
    #: Figures by name, in percent, such as ``{"test mIoU": 31.0}``.
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PrunedTrial:
    """A trial that was stopped by a rule."""

    number: int
    kind: PruneKind
    reason: str


@dataclass(frozen=True, kw_only=True)
class ReasonRow:
    """The trials that one rule stopped."""

    kind: PruneKind
    count: int
    #: One of them.
    example: PrunedTrial


@dataclass(frozen=True, kw_only=True)
class NextCommand:
    """Something to do next."""

    command: str
    #: What it does, in one phrase.
    purpose: str


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What is told at the end of a search."""

    study: str
    #: Trials that the search was to end with.
    target: int
    counts: Counts
    best: BestTrial | None
    pruned: tuple[PrunedTrial, ...]
    #: Seconds that this process searched.
    seconds: float
    next_commands: tuple[NextCommand, ...]
    #: What others did to the study, a line each.
    notes: tuple[str, ...] = ()


def summary_text(summary: Summary) -> RenderableType:
    """The best trial, what was pruned and why, and the next commands."""
    parts: list[RenderableType] = [
        Text("\n").join([_headline(summary), *map(Text, summary.notes)])
    ]
    if summary.best is not None:
        parts.append(best_table(summary.best))
    if summary.pruned:
        parts.append(reasons_table(tally_reasons(summary.pruned)))
    if summary.next_commands:
        parts.append(_commands_table(summary.next_commands))
    return Group(*(line for part in parts for line in (Text(), part)))


def best_table(best: BestTrial) -> RenderableType:
    """The best trial's value, scores and parameters."""
    title = Text.assemble(
        (f"best trial {best.number}: {best.value:.2f}", "bold"), (f"  {best.protocol}", "dim")
    )
    table = _table()
    table.add_column("parameter", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    if best.defaults:
        table.add_column("untuned", justify="right", no_wrap=True, style="dim")
    for name, value in best.parameters.items():
        untuned = [number_text(best.defaults[name])] if name in best.defaults else []
        table.add_row(Text(name), number_text(value), *untuned)
    scores = ", ".join(f"{name} {score:.2f}" for name, score in best.scores.items())
    lines = [Text(scores)] if scores else []
    return Group(title, *lines, Padding(table, (0, 0, 0, 2)))


def number_text(value: float) -> str:
    """A parameter: four decimals, or three digits where those would hide it."""
    return f"{value:.4f}" if value == 0 or abs(value) >= 0.01 else f"{value:.3g}"


def tally_reasons(pruned: Iterable[PrunedTrial]) -> tuple[ReasonRow, ...]:
    """Pruned trials by kind and rule, collapses first, then the more frequent ones.

    Two reasons are of the same rule if their sentences differ in figures alone. The example is
    the latest trial.
    """
    groups: dict[tuple[PruneKind, str], list[PrunedTrial]] = {}
    for trial in sorted(pruned, key=lambda trial: trial.number):
        groups.setdefault((trial.kind, FIGURE.sub("#", trial.reason)), []).append(trial)
    rows = [
        ReasonRow(kind=kind, count=len(trials), example=trials[-1])
        for (kind, _), trials in groups.items()
    ]
    return tuple(sorted(rows, key=lambda row: (row.kind != "collapsed", -row.count)))


def _headline(summary: Summary) -> Text:
    counts = summary.counts
    failed = f", {counts.failed} failed" if counts.failed else ""
    return Text.assemble(
        (summary.study, "bold"),
        f": {counts.finished} of {summary.target} trials in {duration_text(summary.seconds)}:"
        f" {counts.complete} complete, {counts.pruned} pruned"
        f" ({counts.collapsed} collapsed, {counts.behind} behind){failed}",
    )


def reasons_table(rows: tuple[ReasonRow, ...]) -> RenderableType:
    """Why trials were stopped, with an example of each rule."""
    table = _table()
    table.add_column("pruned", no_wrap=True)
    table.add_column("trials", justify="right", no_wrap=True)
    table.add_column("for example")
    for row in rows:
        example = f"trial {row.example.number}: {row.example.reason}"
        table.add_row(row.kind, str(row.count), Text(example))
    return table


def _commands_table(commands: tuple[NextCommand, ...]) -> RenderableType:
    """Each command on lines of its own, so that it can be copied."""
    lines = [Text("next", style="dim")]
    for item in commands:
        lines.append(Text(f"  {item.purpose}:"))
        lines.append(Text(f"    {item.command}", style="bold", no_wrap=True, overflow="ignore"))
    return Group(*lines)


def _table() -> Table:
    return Table(box=None, padding=(0, 3, 0, 0), pad_edge=False, header_style="dim")
