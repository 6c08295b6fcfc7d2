"""The trial queue: which jobs there are, which is next, and which worker has which."""

from search.driver.running_job import RunningJob
from search.records.jobs import Job

__all__ = ["TrialQueue"]


class TrialQueue:
    """The running jobs and the workers they are on."""

    def __init__(self) -> None:
        #: Every job that is waiting for a worker or on one, by its key.
        self.live: dict[Job, RunningJob] = {}
        #: The job that each busy worker has.
        self.busy: dict[str, Job] = {}
        self._ready: set[Job] = set()

    def add(self, live: RunningJob) -> None:
        """A job came to life; it is given out once it is ready."""
        self.live[live.job] = live

    def mark_ready(self, job: Job) -> None:
        """The job's present attempt may begin: of a trial, it is stored."""
        self._ready.add(job)

    def next(self, *, jump: bool) -> RunningJob | None:
        """The waiting job of the lowest trial, if it is ready.

        A trial that lost its worker goes before those drawn after it, also while its new
        attempt is being stored: with one worker trials then end in the order of their numbers
        whatever happens, and the sampler sees what it would have seen undisturbed.

        Args:
            jump: Whether rather to take a later job than none.
        """
        waiting = self.live.keys() - self.busy.values()
        if jump:
            waiting &= self._ready
        first = min(waiting, key=lambda job: (job.trial, job.seed or 0), default=None)
        return self.live[first] if first is not None and first in self._ready else None

    def give(self, worker: str, live: RunningJob) -> None:
        """The worker, which is free, takes the job."""
        assert worker not in self.busy, "the worker is not free"
        self._ready.remove(live.job)
        self.busy[worker] = live.job

    def on(self, worker: str) -> RunningJob:
        """The job that a busy worker has."""
        return self.live[self.busy[worker]]

    def free(self, worker: str) -> RunningJob:
        """Take the worker's job from it."""
        return self.live[self.busy.pop(worker)]

    def end(self, job: Job) -> None:
        """The job, on no worker any more, is over."""
        del self.live[job]
