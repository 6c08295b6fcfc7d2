"""The failure budget: when so many trials failed that something else must be at fault."""

from search.errors import FailureBudget

__all__ = ["Failures"]

EARLY = 3  # stop if that many first trials all failed,
RECENT, MOST = 20, 4  # or more than 4 of the last 20


class Failures:
    """Which of the trials that ended under this driver failed, in order."""

    def __init__(self) -> None:
        self._failed: list[bool] = []

    def note(self, *, failed: bool) -> None:
        """A trial ended."""
        self._failed.append(failed)

    def check(self) -> None:
        """Refuse to go on where that would be useless.

        Raises:
            FailureBudget: If the first trials all failed, or too many of the last ones did.
        """
        early = len(self._failed) == EARLY and all(self._failed)
        last = self._failed[-RECENT:]
        if early or sum(last) > MOST:
            raise FailureBudget(
                f"{sum(last)} of the last {len(last)} trials failed, so the"
                " search stopped: `python -m search status --failures` shows their errors; mend"
                " the cause, then `python -m search resume`"
            )
