"""The printer for ``table --dry-run``."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from search.planning.table_plan import TablePlan
from trainer.console.durations import about_text

__all__ = ["plan_text"]


def plan_text(plan: TablePlan) -> RenderableType:
    """Rows, studies, trials and costs."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in ("method", "modalities", "backbone", "data", "study"):
        table.add_column(name, overflow="fold")
    for name in ("trials", "fresh runs", "searched", "dimensions", "iterations", "at most"):
        table.add_column(name, justify="right")
    for each in plan.rows:
        texts = each.row.texts
        words = (texts.label, texts.modalities, texts.backbone, texts.data, each.measured.study)
        own = each.measured
        numbers = (own.trials, each.runs, own.searched, own.dimensions, each.iterations)
        table.add_row(*map(Text, words), *map(str, numbers), about_text(each.seconds))
    quoted = [row.texts.label for row in plan.table.rows if row.measured is None]
    lines = [
        f"together at most about {about_text(plan.seconds)}: steps were measured just now, on"
        " random features; pruning makes it shorter, and each start of workers adds a few"
        " seconds. Computing features, if they are not cached, comes on top.",
        "nothing was written. A dry run does not open the database: rows that are finished there"
        " cost nothing.",
    ]
    if quoted:
        lines.insert(0, f"quoted, not run: {', '.join(quoted)}")
    return Group(Text(plan.table.title, style="bold"), Text(), table, Text(), *map(Text, lines))
