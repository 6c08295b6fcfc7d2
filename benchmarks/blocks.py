"""Long measurements in blocks: a file with a record per line, continued by the next call."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["append_record", "read_records"]

#: Significant digits of a number. A search that goes on learns from values with so many, wherever
#: and however often it was interrupted.
DIGITS = 4


def read_records(path: Path) -> list[dict[str, Any]]:
    """All records of a file; none if there is no file. A line that was cut off does not count."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def append_record(path: Path, record: Mapping[str, Any], *, digits: int = DIGITS) -> str:
    """Add a record to a file; returns its line.

    Args:
        path: The file, which need not exist. A last line that was cut off is replaced.
        record: Plain data. Its numbers are shortened, but not those under the key ``params``,
            since runs follow from them.
        digits: Significant digits of a number.
    """
    line = json.dumps(_short(record, digits))
    with path.open("a+b") as file:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        file.write(line.encode() + b"\n")
    return line


def _short(value: Any, digits: int) -> Any:
    if isinstance(value, Mapping):
        return {
            name: item if name == "params" else _short(item, digits)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_short(item, digits) for item in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value
