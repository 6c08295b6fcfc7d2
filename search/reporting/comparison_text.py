"""The printer of a comparison for terminals."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from search.reporting.compared_studies import Comparison, comparison_rows

__all__ = ["comparison_table"]


def comparison_table(found: Comparison) -> RenderableType:
    """A column per study, with rows that differ in bold, and what to know before comparing."""
    table = Table(box=None, padding=(0, 3, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("")
    for each in found.studies:
        table.add_column(Text(each.details.view.name), overflow="fold")
    for title, texts in comparison_rows(found).items():
        style = "bold" if len(set(texts)) > 1 else ""
        table.add_row(Text(title), *(Text(text, style=style) for text in texts))
    return Group(table, Text(), *map(Text, found.notes))
