"""The failure budget: stops a phase when so many jobs fail that the setup must be at fault."""

from search.errors import FailureBudget
from trainer.console.shell import Command, shell_text

__all__ = ["Failures"]

EARLY = 3  # stop if the first 3 jobs all failed,
RECENT, MOST = 20, 4  # or if more than 4 of the last 20 did


class Failures:
    """Counts failures among the jobs of a phase that ended under this driver."""

    def __init__(self, *, work: str, jobs: str, errors: str, again: Command) -> None:
        """Start with no job.

        Args:
            work: What is stopped, such as ``search``.
            jobs: What its jobs are called, such as ``trials``.
            errors: Where their errors are shown.
            again: The command that continues.
        """
        self._work, self._jobs, self._errors, self._again = work, jobs, errors, again
        self._failed: list[bool] = []

    def note(self, *, failed: bool) -> None:
        """Record that a job ended."""
        self._failed.append(failed)

    def check(self) -> None:
        """Stop if too many jobs failed.

        Raises:
            FailureBudget: If the first jobs all failed, or too many of the last ones did.
        """
        early = len(self._failed) == EARLY and all(self._failed)
        last = self._failed[-RECENT:]
        if early or sum(last) > MOST:
            raise FailureBudget(
                f"{sum(last)} of the last {len(last)} {self._jobs} failed, so the {self._work}"
                f" stopped: {self._errors}; fix the cause, then run `{shell_text(self._again)}`"
            )
