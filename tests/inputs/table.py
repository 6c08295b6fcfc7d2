"""The form of the table, and how a document shows it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from tests.inputs.copies import Copy

__all__ = ["COLUMNS", "Cell", "Edit", "Row", "everywhere", "refused", "said", "text", "used"]

#: Data sets that are read from files, and the user's own images.
COLUMNS = ("cityscapes", "cocostuff27", "folder", "mcubes", "mfnet", "nyu", "predict")

#: Edit of a copy, and the names of which a refusal must contain one.
Edit = Callable[[Copy], Iterable[str]]


@dataclass(frozen=True)
class Cell:
    """Treatment of an input."""

    outcome: Literal["used", "said", "refused"]
    #: Regular expression of the message.
    words: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One unusual input."""

    #: Description of the unusual input, for the document.
    given: str
    edit: Edit
    #: Column to the treatment there; a column that is missing has no such files.
    cells: Mapping[str, Cell]
    #: Preparation of the copy, without which nothing is unusual.
    prepare: Edit = lambda copy: ()
    #: Whether images and labels equal those of the original copy.
    same: bool = True


def used() -> Cell:
    """Used like a usual input, without a note."""
    return Cell("used")


def said(words: str) -> Cell:
    """Used, with a note of one line."""
    return Cell("said", words)


def refused(words: str) -> Cell:
    """Refused in one line that names the file and the fix."""
    return Cell("refused", words)


def everywhere(cell: Cell, *without: str, **other: Cell | None) -> dict[str, Cell]:
    """The same in every column.

    Args:
        cell: What becomes of it.
        without: Columns that have no such files.
        other: Columns in which something else becomes of it.
    """
    cells = {column: other.get(column, cell) for column in COLUMNS if column not in without}
    return {column: each for column, each in cells.items() if each is not None}


SHOWN = {"used": "used", "said": "used, with a note", "refused": "refused"}


def text(rows: Iterable[Row]) -> str:
    """The table in Markdown."""
    lines = [
        f"| given | {' | '.join(f'`{column}`' for column in COLUMNS)} |",
        f"|---|{'---|' * len(COLUMNS)}",
    ]
    for row in rows:
        cells = (
            SHOWN[row.cells[column].outcome] if column in row.cells else "" for column in COLUMNS
        )
        lines.append(f"| {row.given} | {' | '.join(cells)} |")
    return "\n".join(lines)
