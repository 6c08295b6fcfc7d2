"""The form of the table, and how a document shows it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from tests.inputs.copies import Copy

__all__ = ["COLUMNS", "Cell", "Edit", "Row", "everywhere", "refused", "said", "text", "used"]

#: Data sets that are read from files, and images of a user's own.
COLUMNS = ("cityscapes", "cocostuff27", "folder", "mcubes", "mfnet", "nyu", "predict")

#: What is done to a copy, and the names of which a refusal has to have one.
Edit = Callable[[Copy], Iterable[str]]


@dataclass(frozen=True)
class Cell:
    """What becomes of it."""

    outcome: Literal["used", "said", "refused"]
    #: Regular expression of what is said.
    words: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One oddity."""

    #: What is odd, for the document.
    given: str
    edit: Edit
    #: Column to what becomes of it there; a column that is not named has no such files.
    cells: Mapping[str, Cell]
    #: What is done to the copy first, without which there is nothing odd.
    prepare: Edit = lambda copy: ()
    #: Whether images and labels come out as those of the sound copy.
    same: bool = True


def used() -> Cell:
    """As if nothing were odd, without a word."""
    return Cell("used")


def said(words: str) -> Cell:
    """Used, and a line tells it."""
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
