"""The printer for pages: a comparison table as Markdown."""

from search.reporting.comparison_table.cells import Cells, note_lines, table_parts
from search.reporting.comparison_table.table_view import TableView
from search.reporting.markdown_text import markdown_table, plain

__all__ = ["table_markdown"]


def table_markdown(view: TableView) -> str:
    """All tables, and what their figures mean."""
    notes = "\n".join(f"- {plain(line)}" for line in note_lines(view))
    parts = [f"# {plain(view.title)}", *map(_part, table_parts(view)), notes]
    return "\n\n".join(parts) + "\n"


def _part(cells: Cells) -> str:
    return f"## {cells.title}\n\n{markdown_table(cells.header, cells.rows)}"
