"""What a launch shows, and where."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from search.progress.progress import Progress

__all__ = ["Output"]

#: Shows the steps of preparing features: what, done, total.
ShowStep = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Output:
    """How a launch speaks to whoever started it."""

    #: Prints a line.
    say: Callable[[str], None]
    #: Opens the display of a running search.
    open_progress: Callable[[], Progress]
    #: Opens the display of the preparation of features.
    open_preparing: Callable[[], contextlib.AbstractContextManager[ShowStep]]
