"""How a launch shows its lines and its progress."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from search.progress.progress import Progress

__all__ = ["Output"]

#: Shows the progress of preparing features: name of the step, done, total.
ShowStep = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Output:
    """Where a launch prints its lines and its progress."""

    #: Prints a line.
    say: Callable[[str], None]
    #: Opens the progress display of a running search.
    open_progress: Callable[[], Progress]
    #: Opens the progress display of feature preparation.
    open_preparing: Callable[[], contextlib.AbstractContextManager[ShowStep]]
