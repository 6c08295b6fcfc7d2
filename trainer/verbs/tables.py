"""Tables that verbs print."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

__all__ = ["NONE", "say_table"]

#: What stands where there is no number, such as the score of a split without labels.
NONE = "\N{EN DASH}"

WIDE = 200  # columns where the output is no terminal


def say_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: int = 0) -> None:
    """Print a table; the last so many columns are aligned to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, column in enumerate(columns):
        right = place >= len(columns) - numbers
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console()
    width = console.width if console.is_terminal else WIDE
    console.print(table, highlight=False, markup=False, width=width)
