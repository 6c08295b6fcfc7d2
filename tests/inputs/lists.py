"""Rows: how lists and descriptions are written."""

from collections.abc import Callable, Iterable

from tests.inputs.copies import Copy
from tests.inputs.table import Edit, Row, everywhere, refused, used

__all__ = ["ROWS"]

WITHOUT_LISTS = ("cityscapes", "predict")


def rewritten(change: Callable[[str], bytes]) -> Edit:
    """Every list is written in another form."""

    def edit(copy: Copy) -> Iterable[str]:
        for path in copy.lists:
            path.write_bytes(change(path.read_text(encoding="utf-8")))
        return [path.name for path in copy.lists]

    return edit


def marked_description(copy: Copy) -> Iterable[str]:
    """The description begins with a byte-order mark, as some editors write one."""
    assert copy.description is not None
    copy.description.write_bytes(b"\xef\xbb\xbf" + copy.description.read_bytes())
    return ()


ROWS = (
    Row(
        given="lists with a BOM (UTF-8)",
        edit=rewritten(lambda text: text.encode("utf-8-sig")),
        cells=everywhere(used(), *WITHOUT_LISTS),
    ),
    Row(
        given="lists with Windows' line ends (CRLF)",
        edit=rewritten(lambda text: text.replace("\n", "\r\n").encode()),
        cells=everywhere(used(), *WITHOUT_LISTS),
    ),
    Row(
        given="lists with blanks after names, and empty lines",
        edit=rewritten(lambda text: text.replace("\n", " \t\n\n").encode()),
        cells=everywhere(used(), *WITHOUT_LISTS),
    ),
    Row(
        given="lists in UTF-16",
        edit=rewritten(lambda text: text.encode("utf-16")),
        cells=everywhere(
            refused("give a text file in UTF-8 with one name per line"), *WITHOUT_LISTS
        ),
    ),
    Row(
        given="a description with a BOM",
        edit=marked_description,
        cells={"folder": used()},
    ),
)
