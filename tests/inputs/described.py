"""Edits of a copy together with its description."""

from collections.abc import Iterable, Mapping

from tests.inputs.copies import Copy
from tests.inputs.table import Edit

__all__ = ["described"]


def described(changes: Mapping[str, str], edit: Edit = lambda copy: ()) -> Edit:
    """An edit of files, and of the text of the description.

    Args:
        changes: Text of the description to what stands in its place.
        edit: What is done to the files.
    """

    def both(copy: Copy) -> Iterable[str]:
        assert copy.description is not None
        text = copy.description.read_text(encoding="utf-8")
        for old, new in changes.items():
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        copy.description.write_text(text, encoding="utf-8")
        return edit(copy)

    return both
