"""The search phase: samples trials, decides after each report, and ends them.

It adds the workers' reports to the in-memory study, makes every decision from that study, and
passes what is to be stored to the write queue.
"""

import dataclasses
from collections.abc import Iterator, Sequence

from optuna.trial import FrozenTrial

from search.driver.failure_budget import Failures
from search.driver.in_memory_study import InMemoryStudy
from search.driver.phases import PhaseContext
from search.driver.plan import Plan
from search.driver.running_job import RunningJob
from search.driver.running_trial import RunningTrial
from search.driver.study_changes import StudyChanges
from search.driver.trial_source import TrialSource
from search.driver.writes import AddTrial, EndTrial, NewAttempt, StartQueued, StoreReport, Write
from search.machine.whose_pictures import WhosePictures
from search.progress.events import end_text
from search.records.jobs import Job
from search.records.messages import Reported
from search.records.origin import counted
from search.records.outcome import Completed, Failed, Outcome, trial_end
from search.records.stored_checkpoint import StoredCheckpoint
from search.records.stored_picture import StoredPicture
from trainer.console.shell import search_command, shell_text
from trainer.records import Report
from trainer.seeds import derive_seed

__all__ = ["SearchPhase"]


class SearchPhase:
    """Runs the trials of one study until enough of them are finished."""

    is_last_evaluation = False

    def __init__(
        self,
        *,
        plan: Plan,
        memory: InMemoryStudy,
        adopted: list[RunningTrial],
        queued: Sequence[FrozenTrial],
        context: PhaseContext,
        pictures: WhosePictures = "none",
    ) -> None:
        """Prepare; nothing is sampled before :meth:`begin`.

        Args:
            plan: The plan of the study.
            memory: The in-memory study, as PostgreSQL holds it.
            adopted: The trials that an earlier driver left running, by number.
            queued: Trials that somebody else added after the last one of the in-memory study.
            context: What the phase works with.
            pictures: Which trials get pictures.
        """
        self._plan, self._memory, self._adopted = plan, memory, adopted
        self._pictures = pictures
        self._context = context
        status = shell_text(search_command("status", "--failures", study=memory.name))
        self._failures = Failures(
            work="search", jobs="trials", errors=f"`{status}` shows their errors",
            again=context.again,
        )  # fmt: skip
        self._source = TrialSource(
            memory=memory,
            space=plan.space,
            sampler=plan.sampler,
            objective=plan.rules.objective,
            seed=plan.seed,
            epoch=context.epoch,
            canonical=plan.canonical,
        )
        self._source.queue(queued)

    def begin(self) -> None:
        """Continue the trials that an earlier driver left; delete checkpoints of ended trials."""
        self._context.retention.sweep()
        for running in self._adopted:
            self._context.trial_queue.add(running)
            self._context.retention.report_stored(running.number, running.stored)
            self.begin_again(running, why="adopted")
            self._context.progress.event(
                f"trial {running.number} adopted as attempt {running.attempt}"
            )

    def finished(self) -> bool:
        """Whether the target number of trials is finished."""
        return self._memory.counts().finished >= self.target

    @property
    def target(self) -> int:
        """Trials to finish."""
        return self._plan.schedule.target

    def extend(self, target: int) -> None:
        """Finish more trials; those that are due by now are sampled next."""
        schedule = dataclasses.replace(self._plan.schedule, target=target)
        self._plan = dataclasses.replace(self._plan, schedule=schedule)

    def check(self) -> None:
        """Stop the search if too many trials failed.

        Raises:
            FailureBudget: If too many trials failed.
        """
        self._failures.check()

    # How trials are created

    def draw(self) -> None:
        """Sample every trial that is due, even while stopping.

        Sampled later, a trial would see more ended trials than in an uninterrupted search.
        """
        while self._due():
            for write in self._next_trial():
                self._context.write_queue.append(write)

    def _next_trial(self, ended: int | None = None) -> Iterator[Write]:
        """Create the next trial; yields the writes for it and for unused numbers before it."""
        while True:
            found = self._source.next(ended)
            if found.line is not None:
                self._context.progress.event(found.line)
            if found.write is not None:
                yield found.write
            if found.running is not None:
                self._context.trial_queue.add(found.running)
            if found.running is not None or (ended is None and not self._due()):
                return

    def _due(self) -> bool:
        counts = self._memory.counts()
        return self._plan.schedule.due(
            drawn=len(self._memory),
            ended=counts.finished + counts.uncounted,
            uncounted=counts.uncounted,
        )

    def begin_again(self, running: RunningJob, *, why: str) -> None:
        """Start another attempt at the trial; it is ready once the attempt is stored."""
        assert isinstance(running, RunningTrial)
        running.begin_again(epoch=self._context.epoch, why=why)
        self._context.write_queue.append(
            NewAttempt(
                trial=running.number,
                attempt=running.attempt,
                epoch=self._context.epoch,
                why=why,
                parameters=running.redrawn,
            )
        )

    def seed(self, running: RunningJob) -> int:
        """Seed of the trial's run."""
        return derive_seed(self._plan.seed, running.number, "run")

    # What the database holds

    def stored(self, write: Write) -> None:
        """React to a write that has been stored."""
        match write:
            case AddTrial() | StartQueued() | NewAttempt() as begun:
                self._context.trial_queue.mark_ready(Job("trial", begun.trial))
            case StoreReport(trial=number, stored=(*stored,)):
                self._context.retention.report_stored(number, stored)
            case EndTrial(trial=number):
                self._context.retention.trial_stored(number)
            case _:
                pass

    def apply_changes(self, changes: StudyChanges) -> None:
        """Add what others wrote to the in-memory study; they keep the numbers that they took."""
        self._source.queue(changes.added)
        for trial in changes.added:
            if not trial.state.is_finished():
                self._context.progress.event(f"somebody queued trial {trial.number}")
        if changes.added and changes.added[0].number < len(self._memory):
            self._renumber(changes.added[0].number)
        for trial in changes.ended:
            self._give_up(trial)

    def _renumber(self, first: int) -> None:
        """Renumber the trials that are not stored yet, in the same order.

        None of them has begun. Each is sampled again from the same set of ended trials.
        """
        seen = {
            number: running.seen
            for running in self._context.trial_queue.running.values()
            if isinstance(running, RunningTrial) and (number := running.number) >= first
        }
        for number in seen:
            self._context.trial_queue.end(Job("trial", number))
        self._memory.forget(first)

        def change(writes: tuple[Write, ...]) -> Iterator[Write]:
            for write in writes:
                if isinstance(write, AddTrial) and write.trial >= first:
                    yield from self._next_trial(seen[write.trial])
                else:
                    yield write

        self._context.write_queue.rewrite(change)

    def _give_up(self, trial: FrozenTrial) -> None:
        """Give up a trial that somebody else has ended: Optuna allows nobody to undo that."""
        number = trial.number
        if number >= len(self._memory):
            self._source.queue([trial])
            return
        self._memory.overrule(counted(trial, self._memory.name))
        self._context.progress.event(
            f"trial {number} was ended by somebody else as {trial.state.name}: not counted"
        )
        self._context.retention.trial_stored(number)
        job = Job("trial", number)
        if job in self._context.trial_queue.running:
            self._context.trial_queue.running[job].over = True
            if job not in self._context.trial_queue.busy.values():
                self._context.trial_queue.end(job)

    # How trials run, and end

    def receive(self, running: RunningJob, reported: Reported) -> bool:
        """Add reports and decide after the last one; returns whether the trial has ended.

        A decided trial that gets pictures ends in :meth:`finish`.
        """
        for report in reported.reports:
            self._fold(running, report, reported.checkpoint)
        outcome = self._plan.rules.decide(self._memory, running.number, running.reports)
        if outcome is not None and self._is_shown(outcome):
            assert isinstance(running, RunningTrial)
            running.outcome = outcome
            return False
        if outcome is not None:
            self._end(running, outcome)
        return outcome is not None

    def _is_shown(self, outcome: Outcome) -> bool:
        """Whether a trial that ends so gets pictures."""
        return self._pictures == "all" or (
            self._pictures == "finished" and isinstance(outcome, Completed)
        )

    def draws(self, running: RunningJob) -> bool:
        """Whether the job is a trial that only waits for its pictures."""
        return isinstance(running, RunningTrial) and running.outcome is not None

    def finish(self, running: RunningJob, pictures: Sequence[StoredPicture]) -> None:
        """End a trial that waited for its pictures, with those that there are."""
        assert isinstance(running, RunningTrial) and running.outcome is not None
        self._end(running, running.outcome, pictures)

    def fail(self, running: RunningJob, failed: Failed) -> None:
        """End the trial as failed, because its retries are used up."""
        self._end(running, failed)

    def _fold(
        self, running: RunningJob, report: Report, checkpoint: StoredCheckpoint | None
    ) -> None:
        """Add a report and its checkpoint, unless this driver already has the report."""
        if not running.take(report):
            return
        if checkpoint is not None:
            running.take_checkpoint(checkpoint)
        found = self._plan.rules.objective.score(report)
        new = self._memory.report(running.number, report.evaluation, found)
        self._context.write_queue.append(
            StoreReport(
                trial=running.number,
                report=report,
                score=found if new else None,
                stored=None if checkpoint is None else running.stored,
            )
        )

    def _end(
        self, running: RunningJob, outcome: Outcome, pictures: Sequence[StoredPicture] = ()
    ) -> None:
        end = trial_end(outcome, running.reports, self._plan.rules.objective, pictures)
        self._memory.finish(running.number, end)
        self._context.write_queue.append(EndTrial(trial=running.number, end=end))
        self._failures.note(failed=isinstance(outcome, Failed))
        best = self._memory.best()
        is_best = best is not None and best.number == running.number
        self._context.progress.event(end_text(running.number, outcome, is_best=is_best))
