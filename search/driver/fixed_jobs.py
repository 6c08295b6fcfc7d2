"""What phases share whose jobs are all known when they begin."""

from collections.abc import Mapping

from search.driver.phases import PhaseContext
from search.driver.running_job import RunningJob
from search.records.jobs import Job
from search.records.stored_checkpoint import StoredCheckpoint

__all__ = ["FixedJobs"]


class FixedJobs:
    """Jobs that are no trials: all of them are queued at once, and attempts are not stored."""

    def __init__(self, context: PhaseContext) -> None:
        """Prepare.

        Args:
            context: What the phase works with.
        """
        self._context = context

    def _sources(self, job: Job) -> tuple[str, ...]:
        """The folders with checkpoints of a job; the worker takes that with most evaluations.

        The newest may hold fewer: a worker of a replaced driver trains on until it learns of it.
        """
        return tuple(map(str, self._context.checkpoints.attempts(job)))

    def _queue_job(
        self,
        job: Job,
        *,
        params: Mapping[str, float],
        sources: tuple[str, ...],
        stored: tuple[StoredCheckpoint, ...] = (),
    ) -> None:
        """Queue a job, which is ready immediately.

        Args:
            job: The job.
            params: Parameters of its run.
            sources: Folders with checkpoints to resume from or to score.
            stored: Checkpoints in the artifact store, newest first.
        """
        queue = self._context.trial_queue
        queue.add(
            RunningJob(
                job=job,
                params=dict(params),
                history=[(1, self._context.epoch, "new")],
                sources=sources,
                stored=stored,
            )
        )
        queue.mark_ready(job)

    def draw(self) -> None:
        """Do nothing: every job was queued when the phase began."""

    def finished(self) -> bool:
        """Always true: no further job will be queued."""
        return True

    def begin_again(self, running: RunningJob, *, why: str) -> None:
        """Start another attempt; it is not stored, so it is ready immediately."""
        running.begin_again(epoch=self._context.epoch, why=why)
        self._context.trial_queue.mark_ready(running.job)
