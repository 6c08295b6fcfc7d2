"""Checkpoint retention: keeps those of running trials and of the best trial, deletes the rest."""

import concurrent.futures
import contextlib
from collections.abc import Sequence

from search.checkpoints.artifact_store import ArtifactCheckpointStore
from search.checkpoints.folders import CheckpointStore, folder_name
from search.driver.in_memory_study import InMemoryStudy
from search.driver.study_store import checkpoints_of
from search.records.jobs import Job
from search.records.stored_checkpoint import StoredCheckpoint
from storage.errors import ArtifactFailure

__all__ = ["CheckpointRetention"]

CLOSE_SECONDS = 10.0  # to wait for pending deletions; a later sweep deletes what remains


class CheckpointRetention:
    """Deletes checkpoints that are no longer needed.

    A checkpoint is deleted after PostgreSQL refers to a newer one, and all checkpoints of a trial
    after the trial's end is stored. Deletions from the artifact store, which may be slow, run in
    a thread.
    """

    def __init__(
        self,
        checkpoints: CheckpointStore,
        memory: InMemoryStudy,
        artifact_store: ArtifactCheckpointStore | None = None,
    ) -> None:
        """Prepare; nothing is deleted yet.

        Args:
            checkpoints: The folders of all attempts.
            memory: The study.
            artifact_store: The study's artifact store; None if it has none.
        """
        self._checkpoints, self._memory, self._artifact_store = checkpoints, memory, artifact_store
        self._best: int | None = None
        self._stored: dict[int, tuple[StoredCheckpoint, ...]] = {}
        self._executor = concurrent.futures.ThreadPoolExecutor(
            1, thread_name_prefix="artifact store"
        )
        self._deletions: list[concurrent.futures.Future[None]] = []

    def sweep(self) -> None:
        """Delete the checkpoints of all finished trials except the best one."""
        best = self._memory.best()
        self._best = best.number if best else None
        if best is not None:
            self._stored[best.number] = checkpoints_of(best)
        for trial in self._memory.trials():
            if trial.state.is_finished() and trial.number != self._best:
                self._discard_trial(trial.number)

    def report_stored(self, number: int, stored: Sequence[StoredCheckpoint]) -> None:
        """Delete the trial's checkpoints that the report just stored no longer lists."""
        for checkpoint in self._stored.get(number, ()):
            if checkpoint not in stored:
                self._discard(checkpoint.place)
        self._stored[number] = tuple(stored)

    def stored_of(self, number: int) -> tuple[StoredCheckpoint, ...]:
        """The checkpoints that a trial has in the artifact store, newest first."""
        return self._stored.get(number, ())

    def trial_stored(self, number: int) -> None:
        """Delete what is no longer needed now that the end of a trial is stored."""
        best = self._memory.best()
        if best is None or best.number != number:
            self._discard_trial(number)
            return
        if self._best is not None and self._best != number:
            self._discard_trial(self._best)
        self._best = number

    def close(self) -> None:
        """Wait for pending deletions, for a limited time."""
        concurrent.futures.wait(self._deletions, timeout=CLOSE_SECONDS)
        self._executor.shutdown(wait=False, cancel_futures=True)

    def discard(self, job: Job) -> None:
        """Delete all checkpoints of a job."""
        self._checkpoints.discard(job)
        self._discard(folder_name(job))

    def _discard_trial(self, number: int) -> None:
        self._stored.pop(number, None)
        self.discard(Job("trial", number))

    def _discard(self, place: str) -> None:
        if self._artifact_store is not None:
            self._deletions = [deletion for deletion in self._deletions if not deletion.done()]
            self._deletions.append(self._executor.submit(_discard, self._artifact_store, place))


def _discard(artifact_store: ArtifactCheckpointStore, place: str) -> None:
    with contextlib.suppress(ArtifactFailure):  # a later sweep deletes what remains
        artifact_store.discard(place)
