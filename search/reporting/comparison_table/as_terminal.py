"""The printer for terminals: a comparison table as text."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from search.reporting.comparison_table.cells import Cells, note_lines, table_parts
from search.reporting.comparison_table.table_view import TableView

__all__ = ["table_text"]


def table_text(view: TableView) -> RenderableType:
    """All tables, and what their figures mean."""
    notes = [Text(line, style="dim") for line in note_lines(view)]
    return Group(
        Text(view.title, style="bold"),
        *(line for cells in table_parts(view) for line in _part(cells)),
        Text(),
        *notes,
    )


def _part(cells: Cells) -> list[RenderableType]:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name, words in zip(cells.header, cells.words, strict=True):
        if words:
            table.add_column(name, vertical="bottom", overflow="fold")
        else:  # a number is never broken over lines, and its heading between words
            heading = name.replace(" ", "\n")
            table.add_column(heading, justify="right", vertical="bottom", no_wrap=True)
    for row in cells.rows:
        table.add_row(*map(Text, row))
    return [Text(), Text(cells.title, style="dim"), table]
