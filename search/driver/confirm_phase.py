"""The phase that trains the finalists of a finished search again, with fresh seeds.

No rule stops these runs, and they are no trials: no sampler or pruner learns from them. Each is
stored once, under the key of its job, so that a phase that was interrupted continues where it was.
"""

import dataclasses
import math

from search.driver.failure_budget import Failures
from search.driver.fixed_jobs import FixedJobs
from search.driver.phases import PhaseContext
from search.driver.rules import Rules
from search.driver.running_job import RunningJob
from search.driver.writes import StoreAttribute, Write
from search.records.confirmation import PLAN_ATTRIBUTE, ConfirmationPlan, ConfirmedRun
from search.records.jobs import Job
from search.records.messages import Reported
from search.records.outcome import Failed, Prune
from trainer.seeds import derive_seed

__all__ = ["ConfirmPhase"]


class ConfirmPhase(FixedJobs):
    """Runs the jobs ``confirm/<n>/seed-<s>`` and ``reference/<name>/seed-<s>`` of a plan."""

    is_last_evaluation = False

    def __init__(
        self,
        *,
        plan: ConfirmationPlan,
        results: dict[Job, ConfirmedRun],
        rules: Rules,
        seed: int,
        context: PhaseContext,
    ) -> None:
        """Prepare; nothing begins before :meth:`begin`.

        Args:
            plan: Which trials and references to run, and how often.
            results: The stored results by job; those of this phase are added.
            rules: How a run gets its value, and when it counts as collapsed.
            seed: Seed of the study.
            context: What the phase works with.
        """
        super().__init__(context)
        self._plan, self._results, self._rules, self._seed = plan, results, rules, seed
        self._failures = Failures(
            work="confirmation", jobs="runs", errors="their lines above say why",
            again=context.again,
        )  # fmt: skip

    def begin(self) -> None:
        """Queue every run that has no stored result."""
        stored = self._plan.stored().to_json()
        self._context.write_queue.append(StoreAttribute(key=PLAN_ATTRIBUTE, value=stored))
        for job in self._plan.jobs():
            if job not in self._results:
                self._queue_job(job, params=self._plan.params_of(job), sources=self._sources(job))

    def seed(self, running: RunningJob) -> int:
        """The seed of a run: the same for all finalists, so that they differ in nothing else."""
        assert running.job.seed is not None
        return derive_seed(self._seed, "confirm", running.job.seed)

    def receive(self, running: RunningJob, reported: Reported) -> bool:
        """Add reports; returns whether the run has been trained to its end."""
        for report in reported.reports:
            running.take(report)
        if reported.checkpoint is not None:
            running.take_checkpoint(reported.checkpoint)
        if len(running.reports) < self._rules.evaluations:
            return False
        self._end(running, self._result(running))
        return True

    def _result(self, running: RunningJob) -> ConfirmedRun:
        reports, rules = running.reports, self._rules
        value = rules.objective.value(reports, rules.counted)
        collapsed = any(
            isinstance(
                rules.collapse.verdict(reports[:count], rules.evaluations, rules.objective), Prune
            )
            for count in range(1, len(reports) + 1)
        )
        figures = {
            name: number for name, number in reports[-1].criteria.items() if math.isfinite(number)
        }
        if not math.isfinite(value):
            return ConfirmedRun(
                value=None,
                failure="its value is not a finite number",
                collapsed=collapsed,
                figures=figures,
            )
        return ConfirmedRun(value=value, collapsed=collapsed, figures=figures)

    def fail(self, running: RunningJob, failed: Failed) -> None:
        """Store that the run failed, because its retries are used up."""
        self._failures.note(failed=True)
        self._end(running, ConfirmedRun(value=None, failure=failed.reason))

    def _end(self, running: RunningJob, result: ConfirmedRun) -> None:
        if not result.failure:
            self._failures.note(failed=False)
        result = dataclasses.replace(result, checkpoints=tuple(running.stored))
        self._results[running.job] = result
        self._context.write_queue.append(
            StoreAttribute(key=str(running.job), value=result.to_json())
        )
        jobs = self._plan.jobs()
        done = sum(job in self._results for job in jobs)
        text = f"{result.value:.2f}" if result.value is not None else f"failed: {result.failure}"
        self._context.progress.event(f"{running.job.title}: {text} ({done} of {len(jobs)} runs)")

    def stored(self, write: Write) -> None:
        """Delete the checkpoints of a reference; those of finalists may be scored on test."""
        if isinstance(write, StoreAttribute):
            for job in self._plan.jobs():
                if job.kind == "reference" and str(job) == write.key:
                    self._context.retention.discard(job)

    def check(self) -> None:
        """Stop if too many runs failed.

        Raises:
            FailureBudget: If too many did.
        """
        self._failures.check()
