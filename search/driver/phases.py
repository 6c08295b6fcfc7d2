"""The phases of a search: each has jobs of one kind, and decides what becomes of them.

The driver gives the jobs of the present phase to workers and handles what goes wrong there in
the same way for all of them.
"""

from typing import Protocol

from search.driver.running_job import RunningJob
from search.records.messages import Reported
from search.records.outcome import Failed

__all__ = ["Phase"]


class Phase(Protocol):
    """One part of a search, after the one before it is finished and stored."""

    @property
    def is_last_evaluation(self) -> bool:
        """Whether all that it has is the last evaluation of the study.

        A request to stop lets that be made: the study is then finished. Otherwise no job begins.
        """

    def begin(self) -> None:
        """Take up what an earlier driver left, and what is due at once."""

    def draw(self) -> None:
        """Bring every further job to life that is due."""

    def finished(self) -> bool:
        """Whether nothing is left to begin; what runs and what is to be stored aside."""

    def seed(self, live: RunningJob) -> int:
        """Seed of the job's training run."""

    def hear(self, live: RunningJob, reported: Reported) -> bool:
        """Take in what a worker reported of a job.

        Returns:
            Whether the job is over; else its worker trains on to the next evaluation.
        """

    def fail(self, live: RunningJob, failed: Failed) -> None:
        """The job's retries are used up."""

    def begin_again(self, live: RunningJob, *, why: str) -> None:
        """Give the job a further attempt."""
