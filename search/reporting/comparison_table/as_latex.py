"""The printer for papers: a comparison table as LaTeX (package ``booktabs``)."""

import re
from collections.abc import Sequence

from search.reporting.comparison_table.cells import Cells, note_lines, table_parts
from search.reporting.comparison_table.table_view import TableView

__all__ = ["table_latex"]

#: What LaTeX would read as markup, and how to print it.
SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # after \\ or \midrule it would begin an option, and * a starred form
    "*": "{*}",
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
}
MARKUP = re.compile("|".join(map(re.escape, SPECIAL)))


def table_latex(view: TableView) -> str:
    """All tables, each in a ``table`` environment; what their figures mean is a comment."""
    notes = [f"% {' '.join(line.split())}" for line in note_lines(view)]
    head = [f"% {' '.join(view.title.split())}", r"% needs \usepackage{booktabs}", *notes]
    tables = [line for cells in table_parts(view) for line in _table(view, cells)]
    return "\n".join([*head, *tables])


def _table(view: TableView, cells: Cells) -> list[str]:
    columns = "".join("l" if words else "r" for words in cells.words)
    return [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_plain(f'{view.title}: {cells.title.lower()}')}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        _line(cells.header),
        r"\midrule",
        *map(_line, cells.rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
        "",
    ]


def _line(cells: Sequence[str]) -> str:
    return " & ".join(map(_plain, cells)) + r" \\"


def _plain(text: str) -> str:
    """One line of text that LaTeX shows literally."""
    return MARKUP.sub(lambda found: SPECIAL[found[0]], " ".join(text.split()))
