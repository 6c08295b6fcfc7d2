"""A drafted description as TOML, with what was found and what to check as comments."""

import json
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from trainer.drafting.draft import CLUSTERS, Draft, unlabelled_doubt
from trainer.drafting.modalities import Table

__all__ = ["description_text"]

WIDTH = 98
HEAD = "A first description of this data set. docs/data.md explains every key."
CHECK = "check: "


def description_text(draft: Draft, *, folder: Path | None) -> str:
    """The file's text.

    Args:
        draft: What to write.
        folder: The data set's folder, where the file is not in it.
    """
    lines = [*_comment(HEAD), ""]
    if folder is not None:
        lines += [f"folder = {_value(str(folder))}", ""]
    lines += _classes(draft)
    for name, table in draft.modalities.items():
        lines += ["", f"[modalities.{name}]", *_table(table)]
    if draft.classes is not None:
        lines += ["", "[labels]", *_table(draft.classes.table)]
    lines += ["", "[splits]", *_table(draft.splits)]
    if draft.left:
        lines.append("")
        for line in draft.left:
            lines += _comment(line)
    return "\n".join(lines) + "\n"


def _classes(draft: Draft) -> Iterator[str]:
    if draft.classes is None:
        yield from _comment(CHECK + unlabelled_doubt())
        yield f"classes = {CLUSTERS}"
        return
    yield _setting("classes", draft.classes.names)
    if draft.classes.palette is not None:
        yield _setting("palette", draft.classes.palette)


def _table(table: Table) -> Iterator[str]:
    for remark in table.remarks:
        yield from _comment(remark)
    for doubt in table.doubts:
        yield from _comment(CHECK + doubt)
    for key, value in table.settings.items():
        yield _setting(key, value)


def _comment(text: str) -> list[str]:
    lines = textwrap.wrap(text, WIDTH - 4, break_long_words=False, break_on_hyphens=False)
    first, *rest = lines
    return [f"# {first}", *(f"#   {line}" for line in rest)]


def _setting(key: str, value: Any) -> str:
    """A key in one line, or a list in several."""
    line = f"{key} = {_value(value)}"
    if len(line) <= WIDTH or not isinstance(value, (list, tuple)):
        return line
    rows, row = [], "   "
    for item in value:
        text = f" {_value(item)},"
        if len(row) + len(text) > WIDTH and row.strip():
            rows.append(row)
            row = "   "
        row += text
    return "\n".join((f"{key} = [", *rows, row, "]"))


def _value(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Sequence):
        return f"[{', '.join(map(_value, value))}]"
    return repr(value)
