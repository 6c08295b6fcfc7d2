"""A monotonic clock that jumps on request: the machine's own is never set."""

import itertools
import signal
import time
from types import FrameType

__all__ = ["JumpingClock"]

#: Seconds that it jumps by, one after the other; so a jump ahead is followed by one back.
JUMPS = (3600.0, -7200.0, 3600.0)


class JumpingClock:
    """Seconds since some moment; ``SIGUSR1`` makes it jump an hour ahead, or two back."""

    def __init__(self) -> None:
        self._offset = 0.0
        self._jumps = itertools.cycle(JUMPS)
        signal.signal(signal.SIGUSR1, self._jump)

    def __call__(self) -> float:
        """The time now."""
        return time.monotonic() + self._offset

    def _jump(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._offset += next(self._jumps)
