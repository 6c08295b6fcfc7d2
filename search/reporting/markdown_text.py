"""Parts of Markdown pages, with the user's text escaped."""

import re
from collections.abc import Iterable, Sequence

__all__ = ["markdown_table", "plain"]

#: Markup inside a line. Text of the user never begins a line.
MARKUP = re.compile(r"([\\`*_\[\]<>|~&$])")


def markdown_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, code: int | None = None
) -> str:
    """A table; the cells of column ``code`` are shown as code."""
    cells = (
        [_code(cell) if index == code else plain(cell) for index, cell in enumerate(row)]
        for row in rows
    )
    lines = [header, ["---"] * len(header), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def plain(text: str) -> str:
    """One line of text, escaped so that Markdown shows it literally."""
    return MARKUP.sub(r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    """A command as code, in which only the end of a cell would be read as markup."""
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    padding = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{padding}{' '.join(text.split())}{padding}{fence}".replace("|", "\\|")
