"""The trial queue: all running jobs, which one is next, and which worker runs which."""

import bisect

from search.driver.running_job import RunningJob
from search.records.jobs import Job

__all__ = ["TrialQueue"]


class TrialQueue:
    """The running jobs and the workers that run them."""

    def __init__(self) -> None:
        #: Every job that waits for a worker or is running on one, by its key.
        self.running: dict[Job, RunningJob] = {}
        #: The job of each busy worker.
        self.busy: dict[str, Job] = {}
        self._ready: set[Job] = set()
        self._waiting: list[Job] = []  # those on no worker, the lowest trial first

    def add(self, running: RunningJob) -> None:
        """Add a job; a worker may get it once it is ready."""
        self.running[running.job] = running
        self._wait(running.job)

    def mark_ready(self, job: Job) -> None:
        """Allow the job's current attempt to begin; for a trial, after the attempt is stored."""
        self._ready.add(job)

    def next(self, *, jump: bool) -> RunningJob | None:
        """The waiting job with the lowest trial number, if it is ready; else None.

        A trial that lost its worker comes before later ones, even while its new attempt is being
        stored. With one worker, trials therefore end in the order of their numbers whatever
        happens, and the sampler sees the same study as without the interruption.

        Args:
            jump: Whether to take a later job if the first one is not ready.
        """
        for job in self._waiting:
            if job in self._ready:
                return self.running[job]
            if not jump:
                return None
        return None

    def give(self, worker: str, running: RunningJob) -> None:
        """Give the job to a free worker."""
        assert worker not in self.busy, "the worker is not free"
        self._ready.remove(running.job)
        self._waiting.remove(running.job)
        self.busy[worker] = running.job

    def on(self, worker: str) -> RunningJob:
        """The job of a busy worker."""
        return self.running[self.busy[worker]]

    def free(self, worker: str) -> RunningJob:
        """Take the job away from the worker."""
        job = self.busy.pop(worker)
        self._wait(job)
        return self.running[job]

    def end(self, job: Job) -> None:
        """Remove a job that has ended and that no worker runs."""
        del self.running[job]
        self._waiting.remove(job)

    def _wait(self, job: Job) -> None:
        bisect.insort(self._waiting, job, key=lambda each: (each.trial, each.seed or 0))
