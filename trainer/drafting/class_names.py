"""Names of classes from a text file beside the images, by number or by colour."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from trainer.datasets.names import PICTURES, native

__all__ = ["ClassNames", "read_class_names"]

#: What a file is called that lists classes.
TITLES = re.compile(r"class|label|categor|name|colou?r|palette", re.IGNORECASE)
ENDINGS = (".txt", ".csv", ".tsv")
LARGEST = 100_000  # bytes of such a file
SEPARATORS = re.compile(r"[\s,;:=]+")
WORDS = 4  # in a name; a sentence has more


@dataclass(frozen=True, kw_only=True)
class ClassNames:
    """What a file says about classes; nothing where there is none."""

    #: The file.
    file: str = ""
    #: Names by stored number, or by colour as 0xRRGGBB.
    coded: Mapping[int, str] = field(default_factory=dict)
    #: Names without numbers, in order.
    listed: tuple[str, ...] = ()

    def of_numbers(self, numbers: Sequence[int]) -> dict[int, str]:
        """Names of the stored numbers of the classes, in ascending order.

        As many names as classes belong to them in order; otherwise names count from 0.
        """
        if len(self.listed) == len(numbers):
            return dict(zip(numbers, self.listed, strict=True))
        return dict(self.coded) or dict(enumerate(self.listed))

    def doubt(self, numbers: Sequence[int]) -> str | None:
        """What to check where names without numbers may belong to other classes."""
        count, last = len(self.listed), max(numbers)
        if not count or count in (len(numbers), last + 1) or (0 in numbers and last < count):
            return None
        return (
            f"classes: {self.file} has {count} names for {len(numbers)} classes, the labels"
            f" {min(numbers)} to {last}; they are taken to count from 0"
        )


def read_class_names(root: Path, files: Iterable[str]) -> ClassNames:
    """The first file that lists classes.

    Lines are ``7 car``, ``car, 7``, ``64 0 128 car`` or ``car 64 0 128``, with blanks, commas or
    tabs; or names alone.

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
        found = _names(file, [line.strip() for line in lines if line.strip()])
        if found is not None:
            return found
    return ClassNames()


def _names(file: str, lines: list[str]) -> ClassNames | None:
    rows = [_row(line) for line in lines]
    for count in (3, 1):
        named = {
            _number(numbers): name for numbers, name in rows if len(numbers) == count and name
        }
        apart = len(set(named.values())) == len(named)  # not: zone 1, zone 2
        if apart and len(named) >= len(rows) - 1 and len(named) > 1:  # one may be a heading
            return ClassNames(file=file, coded=named)
    if len(lines) > 1 and all(map(_is_name, lines)):
        return ClassNames(file=file, listed=tuple(lines))
    return None


def _row(line: str) -> tuple[list[int], str]:
    """The numbers and the name of a line."""
    if '"' in line:
        words = [word.strip() for word in next(csv.reader([line]))]
    else:
        words = [word for word in SEPARATORS.split(line) if word and word != "#"]
    numbers = [int(word) for word in words if word.isascii() and word.isdigit()]
    return numbers, " ".join(word for word in words if word and not word.isdigit())


def _is_name(line: str) -> bool:
    """Whether a line may be a name alone, and is no path, picture or sentence."""
    is_path = "/" in line or "\\" in line or PurePosixPath(line).suffix.lower() in PICTURES
    is_sentence = line.endswith(".") or len(line.split()) > WORDS
    return not is_path and not is_sentence and not line[0].isdigit()


def _number(numbers: list[int]) -> int:
    if len(numbers) == 1:
        return numbers[0]
    red, green, blue = numbers
    return red << 16 | green << 8 | blue
