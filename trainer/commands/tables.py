"""Tables that verbs print."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

__all__ = ["NONE", "say_table"]

#: What stands where there is no number, such as the score of a split without labels.
NONE = "\N{EN DASH}"

WIDE = 200  # columns where the output is no terminal


def say_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: int = 0, wraps: int = 0
) -> None:
    """Print a table.

    Args:
        columns: Their headings.
        rows: Their cells.
        numbers: So many columns, the last ones, are aligned to the right.
        wraps: The one column that is broken into lines where the terminal is narrow.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, column in enumerate(columns):
        right = place >= len(columns) - numbers
        table.add_column(
            column,
            justify="right" if right else "left",
            overflow="fold",
            no_wrap=place != wraps,
        )
    for row in rows:
        table.add_row(*row)
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDE)
    console.print(table, highlight=False, markup=False)
