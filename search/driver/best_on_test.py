"""The phase that scores the best trial on the test split: once; no decision depends on it."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from search.checkpoints.folders import CheckpointStore
from search.driver.in_memory_study import InMemoryStudy
from search.driver.retention import CheckpointRetention
from search.driver.running_job import RunningJob
from search.driver.trial_queue import TrialQueue
from search.driver.write_queue import WriteQueue
from search.driver.writes import StoreTest, Write
from search.progress.progress import Progress
from search.records.jobs import Job
from search.records.messages import Reported
from search.records.outcome import Failed
from trainer.console.shell import search_command, shell_text
from trainer.seeds import derive_seed

__all__ = ["BestOnTest"]

NO_TRIAL = -1  # stored as the number of the best trial where no trial is complete


class BestOnTest:
    """Runs the job ``test/<n>`` for the best trial; storing its result ends the study."""

    is_last_evaluation = True

    def __init__(
        self,
        *,
        seed: int,
        memory: InMemoryStudy,
        scored: Mapping[str, Any] | None,
        trial_queue: TrialQueue,
        write_queue: WriteQueue,
        checkpoints: CheckpointStore,
        retention: CheckpointRetention,
        epoch: int,
        progress: Progress,
    ) -> None:
        """Prepare; the best trial is determined in :meth:`begin`.

        Args:
            seed: Seed of the study.
            memory: The in-memory study; every trial has ended when the phase begins.
            scored: The test scores that an earlier driver stored; None if there are none.
            trial_queue: Where the job waits for a worker.
            write_queue: Stores the result.
            checkpoints: The checkpoint folders of all attempts.
            retention: Knows the best trial's checkpoints in the artifact store.
            epoch: The lease's epoch.
            progress: Shows events.
        """
        self._seed, self._memory, self._scored = seed, memory, scored
        self._trial_queue, self._write_queue = trial_queue, write_queue
        self._checkpoints, self._retention = checkpoints, retention
        self._epoch, self._progress = epoch, progress

    def begin(self) -> None:
        """Queue the job, unless no trial is complete or an earlier driver already scored it."""
        best = self._memory.best()
        number = NO_TRIAL if best is None else best.number
        if self._scored is not None and self._scored["trial"] == number:
            self._store(self._scored)
        elif best is None:
            self._store({"trial": number})
        else:
            self._queue(number)

    def _queue(self, number: int) -> None:
        folder = self._checkpoints.latest(Job("trial", number))
        newest = self._retention.stored_of(number)[:1]  # older ones hold fewer evaluations
        running = RunningJob(
            job=Job("test", number),
            params={},
            history=[(1, self._epoch, "new")],
            sources=() if folder is None else (str(folder),),
            stored=newest,
        )
        if not running.sources and not running.stored:
            self._give_up(number, "its checkpoint is missing")
            return
        self._trial_queue.add(running)
        self._trial_queue.mark_ready(running.job)

    def draw(self) -> None:
        """Do nothing: the only job was queued in :meth:`begin`."""

    def finished(self) -> bool:
        """Always true: no further job will be queued."""
        return True

    def seed(self, running: RunningJob) -> int:
        """The seed of the trial's run; the scores do not depend on it."""
        return derive_seed(self._seed, running.number, "run")

    def receive(self, running: RunningJob, reported: Reported) -> bool:
        """Store the scores, which ends the job."""
        scores = reported.on_test
        assert scores is not None, f"{running.job} reported no scores"
        self._store(
            {
                "trial": running.number,
                "cluster": dataclasses.asdict(scores.cluster),
                "linear": dataclasses.asdict(scores.linear),
            }
        )
        return True

    def fail(self, running: RunningJob, failed: Failed) -> None:
        """End the study without test scores."""
        self._give_up(running.number, f"the test split was not scored: {failed.reason}")

    def stored(self, write: Write) -> None:
        """Do nothing."""

    def check(self) -> None:
        """Do nothing: the study ends even if its best trial cannot be scored."""

    def begin_again(self, running: RunningJob, *, why: str) -> None:
        """Start another attempt; it is not stored, so it is ready immediately."""
        running.begin_again(epoch=self._epoch, why=why)
        self._trial_queue.mark_ready(running.job)

    def _give_up(self, number: int, reason: str) -> None:
        best = search_command("best", "--format", "toml", study=self._memory.name)
        again = shell_text(best, into="best.toml")
        self._progress.event(
            f"no test score for trial {number}: {reason}; to train it again, run `{again}` and"
            " `python -m trainer fit best.toml`"
        )
        self._store({"trial": number})

    @property
    def scored(self) -> Mapping[str, Any] | None:
        """The best trial's number and its scores, once they are known."""
        return self._scored

    def _store(self, result: Mapping[str, Any]) -> None:
        self._scored = dict(result)
        self._write_queue.append(StoreTest(result=dict(result)))
