"""The phase that scores the best trial on the test split: once; no decision depends on it."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from search.driver.fixed_jobs import FixedJobs
from search.driver.in_memory_study import InMemoryStudy
from search.driver.phases import PhaseContext
from search.driver.running_job import RunningJob
from search.driver.writes import StoreTest, Write
from search.records.jobs import Job
from search.records.messages import Reported
from search.records.outcome import Failed
from trainer.console.shell import search_command, shell_text
from trainer.seeds import derive_seed

__all__ = ["BestOnTest"]

NO_TRIAL = -1  # stored as the number of the best trial where no trial is complete


class BestOnTest(FixedJobs):
    """Runs the job ``test/<n>`` for the best trial; storing its result ends the study."""

    is_last_evaluation = True

    def __init__(
        self,
        *,
        seed: int,
        memory: InMemoryStudy,
        scored: Mapping[str, Any] | None,
        readings: int,
        context: PhaseContext,
    ) -> None:
        """Prepare; the best trial is determined in :meth:`begin`.

        Args:
            seed: Seed of the study.
            memory: The in-memory study; every trial has ended when the phase begins.
            scored: The test scores that an earlier driver stored; None if there are none.
            readings: How often the study's test split was scored before.
            context: What the phase works with.
        """
        super().__init__(context)
        self._seed, self._memory, self._scored = seed, memory, scored
        self._readings = readings

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
        sources = self._sources(Job("trial", number))
        # older ones hold fewer evaluations
        newest = self._context.retention.stored_of(number)[:1]
        if sources or newest:
            self._queue_job(Job("test", number), params={}, sources=sources, stored=newest)
        else:
            self._give_up(number, "its checkpoint is missing")

    def seed(self, running: RunningJob) -> int:
        """The seed of the trial's run; the scores do not depend on it."""
        return derive_seed(self._seed, running.number, "run")

    def receive(self, running: RunningJob, reported: Reported) -> bool:
        """Store the scores, which ends the job."""
        scores = reported.on_test
        assert scores is not None, f"{running.job} reported no scores"
        self._readings += 1
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

    def _give_up(self, number: int, reason: str) -> None:
        best = search_command("best", "--format", "toml", study=self._memory.name)
        again = shell_text(best, into="best.toml")
        self._context.progress.event(
            f"no test score for trial {number}: {reason}; to train it again, run `{again}` and"
            " `python -m trainer fit best.toml`"
        )
        self._store({"trial": number})

    @property
    def scored(self) -> Mapping[str, Any] | None:
        """The best trial's number and its scores, once they are known."""
        return self._scored

    def _store(self, result: Mapping[str, Any]) -> None:
        self._scored = {**result, "reading": self._readings} if self._readings else dict(result)
        finished = self._memory.counts().finished
        self._context.write_queue.append(StoreTest(result=self._scored, finished=finished))
