"""The phase that scores the confirmed trial's fresh runs on the test split; it counts readings.

Each run is scored once, and its scores are stored under the key of its job. The choice among the
finalists is made on val before, and no later decision depends on the scores.
"""

import dataclasses
import math
import statistics
from collections.abc import Mapping
from typing import Any

from search.driver.fixed_jobs import FixedJobs
from search.driver.phases import PhaseContext
from search.driver.running_job import RunningJob
from search.driver.writes import StoreAttribute, Write
from search.quality.confirmed import confirmed
from search.records.confirmation import (
    CONFIRMED_TEST_ATTRIBUTE,
    Confirmation,
    ConfirmationPlan,
    ConfirmedRun,
)
from search.records.jobs import Job
from search.records.messages import OnTest, Reported
from search.records.outcome import Failed
from trainer.console.shell import shell_text

__all__ = ["ConfirmedOnTest"]


class ConfirmedOnTest(FixedJobs):
    """Runs the jobs ``test/<n>/seed-<s>`` for the confirmed trial and stores their mean."""

    is_last_evaluation = True

    def __init__(
        self,
        *,
        plan: ConfirmationPlan,
        results: Mapping[Job, ConfirmedRun],
        stored: Confirmation,
        readings: int,
        context: PhaseContext,
    ) -> None:
        """Prepare; the trial is determined in :meth:`begin`.

        Args:
            plan: Which trials were confirmed.
            results: The results of all runs, complete when the phase begins.
            stored: What earlier confirmations stored; its scores are not made again.
            readings: How often the study's test split was scored before.
            context: What the phase works with.
        """
        super().__init__(context)
        self._plan, self._results, self._stored, self._readings = plan, results, stored, readings
        self._trial = 0
        self._seeds: list[int] = []
        self._scores: dict[int, Mapping[str, float]] = {}
        self._left = 0
        #: Why the last run that could not be scored has no scores; empty if none failed.
        self._failure = ""

    def begin(self) -> None:
        """Queue a job for each run of the confirmed trial, unless these are scored already."""
        found = confirmed(Confirmation(plan=self._plan.stored(), runs=self._results, test=None))
        if found is None:
            self._discard()
            return
        self._trial = found.best.trial
        self._seeds = sorted(found.best.values)
        if self._stored.test is not None and self._same(self._stored.test):
            self._discard()
            return
        jobs = {seed: Job("test", self._trial, seed) for seed in self._seeds}
        self._scores = {
            seed: self._stored.scores[job]
            for seed, job in jobs.items()
            if job in self._stored.scores
        }
        self._left = sum(self._queue(job) for seed, job in jobs.items() if not self._known(seed))
        if self._left == 0:
            self._conclude()

    def _known(self, seed: int) -> bool:
        return seed in self._scores

    def _same(self, scored: Mapping[str, Any]) -> bool:
        return scored.get("trial") == self._trial and scored.get("seeds") == self._seeds

    def _read(self) -> bool:
        """Whether there is a score that no earlier reading had; fewer seeds read nothing."""
        before = self._stored.test
        if before is None or before.get("trial") != self._trial:
            return True
        return not self._scores.keys() <= set(before.get("seeds", ()))

    def _queue(self, job: Job) -> bool:
        """Queue the job of one run; returns False if its checkpoint is missing."""
        run = dataclasses.replace(job, kind="confirm")
        sources, stored = self._sources(run), self._results[run].checkpoints[:1]
        if not sources and not stored:
            return False
        self._queue_job(job, params={}, sources=sources, stored=stored)
        return True

    def seed(self, running: RunningJob) -> int:
        """Any seed: the scores do not depend on it."""
        del running
        return 0

    def receive(self, running: RunningJob, reported: Reported) -> bool:
        """Store the scores; after the last of them also their mean."""
        assert reported.on_test is not None, f"{running.job} reported no scores"
        assert running.job.seed is not None
        scores = _finite(reported.on_test)
        self._scores[running.job.seed] = scores
        self._context.write_queue.append(StoreAttribute(key=str(running.job), value={**scores}))
        self._end()
        return True

    def fail(self, running: RunningJob, failed: Failed) -> None:
        """Leave the run out."""
        self._context.progress.event(f"{running.job.title} failed: {failed.reason}")
        self._failure = failed.reason
        self._end()

    def _end(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._conclude()

    def _conclude(self) -> None:
        """Store the mean of all scores, if there are any."""
        if not self._scores:
            self._context.progress.event(f"no test score for trial {self._trial}: {self._why()}")
            return
        result: dict[str, Any] = {
            "trial": self._trial,
            "seeds": sorted(self._scores),
            "planned": self._seeds,
            "reading": self._readings + self._read(),
        }
        for name in ("miou", "accuracy"):
            numbers = [scores[name] for scores in self._scores.values() if name in scores]
            if len(numbers) == len(self._scores):
                result[name] = statistics.fmean(numbers)
        self._context.write_queue.append(
            StoreAttribute(key=CONFIRMED_TEST_ATTRIBUTE, value=result)
        )

    def _why(self) -> str:
        """Why no run was scored, and how to score them if that is possible."""
        if not self._failure:
            return "the checkpoints of its fresh runs are missing"
        again = shell_text(self._context.again)
        return f"the test split was not scored: {self._failure}; to try again, run `{again}`"

    def stored(self, write: Write) -> None:
        """Delete the checkpoints once all scores are stored."""
        if isinstance(write, StoreAttribute) and write.key == CONFIRMED_TEST_ATTRIBUTE:
            self._discard()

    def _discard(self) -> None:
        """Delete the checkpoints of all runs, also of earlier plans."""
        for job in {*self._plan.jobs(), *self._results}:
            self._context.retention.discard(job)

    def check(self) -> None:
        """Do nothing: a confirmation is complete without test scores."""


def _finite(scores: OnTest) -> dict[str, float]:
    """The scores of one run that are stored; PostgreSQL's JSON holds finite numbers only."""
    found = {"miou": scores.cluster.miou, "accuracy": scores.cluster.accuracy}
    return {name: number for name, number in found.items() if math.isfinite(number)}
