"""The failure budget: stops a search when so many trials fail that the setup must be at fault."""

from search.errors import FailureBudget

__all__ = ["Failures"]

EARLY = 3  # stop if the first 3 trials all failed,
RECENT, MOST = 20, 4  # or if more than 4 of the last 20 did


class Failures:
    """Counts failures among the trials that ended under this driver."""

    def __init__(self) -> None:
        self._failed: list[bool] = []

    def note(self, *, failed: bool) -> None:
        """Record that a trial ended."""
        self._failed.append(failed)

    def check(self) -> None:
        """Stop the search if too many trials failed.

        Raises:
            FailureBudget: If the first trials all failed, or too many of the last ones did.
        """
        early = len(self._failed) == EARLY and all(self._failed)
        last = self._failed[-RECENT:]
        if early or sum(last) > MOST:
            raise FailureBudget(
                f"{sum(last)} of the last {len(last)} trials failed, so the search stopped:"
                " `python -m search status --failures` shows their errors; fix the cause, then"
                " run `python -m search resume`"
            )
