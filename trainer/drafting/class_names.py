"""Names of classes from a text file beside the images, by number or by colour."""

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from trainer.datasets.names import native

__all__ = ["read_class_names"]

#: What a file is called that lists classes.
TITLES = re.compile(r"class|label|categor|name|colou?r|palette", re.IGNORECASE)
ENDINGS = (".txt", ".csv", ".tsv")
LARGEST = 100_000  # bytes of such a file
SEPARATORS = re.compile(r"[\s,;:=]+")


def read_class_names(root: Path, files: Iterable[str]) -> dict[int, str]:
    """Names by stored number, or by colour as 0xRRGGBB; empty where no file has any.

    Lines are ``7 car``, ``64 0 128 car`` or ``car 64 0 128``, with blanks, commas or tabs; or
    names alone, which count from 0.

    Args:
        root: The data set's folder.
        files: Files in it.
    """
    for file in sorted(files, key=lambda each: (each.count("/"), each)):
        path = root / native(file)
        name = PurePosixPath(file)
        if name.suffix.lower() not in ENDINGS or not TITLES.search(name.stem):
            continue
        if path.stat().st_size > LARGEST:
            continue
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
        found = _names([line.strip() for line in lines if line.strip()])
        if found:
            return found
    return {}


def _names(lines: list[str]) -> dict[int, str]:
    rows = [_row(line) for line in lines]
    for count in (3, 1):
        named = {
            _number(numbers): name for numbers, name in rows if len(numbers) == count and name
        }
        if len(named) >= len(rows) - 1 and len(named) > 1:  # the first line may be a heading
            return named
    if all(not numbers and name for numbers, name in rows) and len(rows) > 1:
        return {index: name for index, (_, name) in enumerate(rows)}
    return {}


def _row(line: str) -> tuple[list[int], str]:
    words = [word for word in SEPARATORS.split(line) if word and word != "#"]
    numbers = [int(word) for word in words if word.isascii() and word.isdigit()]
    return numbers, " ".join(word for word in words if not word.isdigit())


def _number(numbers: list[int]) -> int:
    if len(numbers) == 1:
        return numbers[0]
    red, green, blue = numbers
    return red << 16 | green << 8 | blue
