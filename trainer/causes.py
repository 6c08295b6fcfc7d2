"""Group messages that have the same cause in different files into one line with their count."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Alike", "cause_of", "group_alike"]

GAP = "\N{HORIZONTAL ELLIPSIS}"
#: Names are quoted. A kind is quoted too, but different kinds are different causes.
QUOTED = re.compile(r"(?<!kind )'([^']+)'")


@dataclass(frozen=True, kw_only=True)
class Alike:
    """Messages with the same cause."""

    #: The first message.
    text: str
    count: int

    @property
    def line(self) -> str:
        """One line for all of them."""
        return self.text if self.count == 1 else f"{self.count} files; the first: {self.text}"


def cause_of(text: str) -> str:
    """A message without the parts that differ between files: names, paths, numbers."""
    for name in sorted(set(QUOTED.findall(text)), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", GAP, text)
    text = re.sub(r"\S*/\S*", GAP, text)
    text = re.sub(r"\d+", "#", text)
    return re.sub(rf"{GAP}(\s*{GAP})+", GAP, text)


def group_alike(texts: Iterable[str]) -> tuple[Alike, ...]:
    """Messages grouped by cause, in order of first occurrence."""
    first: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for text in texts:
        cause = cause_of(text)
        first.setdefault(cause, text)
        counts[cause] += 1
    return tuple(Alike(text=text, count=counts[cause]) for cause, text in first.items())
