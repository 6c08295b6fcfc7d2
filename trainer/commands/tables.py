"""Tables that commands print."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

__all__ = ["NONE", "say_table"]

#: Shown in place of a missing number, such as the score of a split without labels.
NONE = "\N{EN DASH}"

WIDE = 200  # columns if the output is not a terminal


def say_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: int = 0, wraps: int = 0
) -> None:
    """Print a table.

    Args:
        columns: Headings of the columns.
        rows: Cells of the rows.
        numbers: How many of the last columns are aligned to the right.
        wraps: Index of the column that is wrapped on a narrow terminal.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        right = index >= len(columns) - numbers
        table.add_column(
            column,
            justify="right" if right else "left",
            overflow="fold",
            no_wrap=index != wraps,
        )
    for row in rows:
        table.add_row(*row)
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDE)
    console.print(table, highlight=False, markup=False)
