"""The driver: the one process that decides for a study, and the only one that has it stored.

It folds what workers tell into its mirror, takes every decision from there, answers the
worker at once, and leaves the writing to the journal. Nothing here waits for PostgreSQL.
"""

import enum
import math
import queue
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from optuna.trial import FrozenTrial

from search.checkpoints.folders import CheckpointStore
from search.driver.failure_budget import Failures
from search.driver.in_memory_study import Mirror
from search.driver.look import Look
from search.driver.retention import KeptCheckpoints
from search.driver.retries import Retries, Stalled
from search.driver.rules import Rules
from search.driver.running_trial import LiveTrial
from search.driver.schedule import Schedule
from search.driver.stalls import StallWatch
from search.driver.trial_queue import Roster
from search.driver.trial_source import TrialSource
from search.driver.write_queue import Journal, Store
from search.driver.writes import AddTrial, EndTrial, Entry, NewAttempt, StoreReport, TakeUp
from search.errors import ClusterAway, FailureBudget
from search.progress.events import tell_end
from search.progress.progress import Progress
from search.progress.snapshots import Snapshots
from search.records.messages import Begin, Continue, Crashed, Lost, OutOfMemory, Reported
from search.records.origin import counted
from search.records.outcome import Failed, Outcome, trial_end
from search.records.stored_checkpoint import StoredCheckpoint
from search.samplers import Sampler
from search.spaces import Space
from search.workers.pool import Answer, Pool
from storage.errors import DatabaseAway
from trainer.console.shell import search_command, shell_text
from trainer.records import Report
from trainer.seeds import derive_seed

__all__ = ["Driver", "Ending", "Plan"]

BUSY_WAIT_SECONDS = 0.02  # between looks while a worker is free and a trial is being stored
IDLE_WAIT_SECONDS = 0.25  # between looks while all workers train
SHOW_SECONDS = 0.5  # between two pictures of the search
DRAIN_SECONDS = 0.1  # between looks at what is stored while the last of it is written


class Ending(enum.Enum):
    """How the driving of a study ended."""

    FINISHED = "finished"
    STOPPED = "stopped"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a study was asked to do."""

    seed: int
    space: Space
    sampler: Sampler
    rules: Rules
    schedule: Schedule
    #: Errors of one trial that are tried again.
    max_retries: int


class Driver:
    """Drives one study to its target, while it holds the lease."""

    def __init__(
        self,
        *,
        plan: Plan,
        mirror: Mirror,
        adopted: list[LiveTrial],
        store: Store,
        pool: Pool,
        checkpoints: CheckpointStore,
        kept: KeptCheckpoints,
        epoch: int,
        progress: Progress,
        snapshots: Snapshots,
        check_lease: Callable[[], None],
        patience: float,
        stall_timeout: float = math.inf,
        queued: Sequence[FrozenTrial] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare to drive; nothing is ordered before :meth:`run`.

        Args:
            plan: What to do.
            mirror: The study as PostgreSQL holds it.
            adopted: The trials that an earlier driver left running, by number.
            store: Where entries are stored.
            pool: The workers.
            checkpoints: Where attempts write their checkpoints.
            kept: Deletes those that nobody needs any more.
            epoch: The lease's epoch.
            progress: Shows what goes on.
            snapshots: Makes what is shown.
            check_lease: Raises once the lease is lost.
            patience: Seconds without PostgreSQL before the search stops.
            stall_timeout: Seconds without progress after which a worker is taken back.
            queued: Trials that somebody else added after the last one of the mirror.
            clock: Monotonic seconds.
        """
        self._plan, self._mirror, self._adopted = plan, mirror, adopted
        self._pool, self._checkpoints, self._epoch = pool, checkpoints, epoch
        self._progress, self._snapshots, self._check_lease = progress, snapshots, check_lease
        self._source = TrialSource(
            mirror=mirror,
            space=plan.space,
            sampler=plan.sampler,
            objective=plan.rules.objective,
            seed=plan.seed,
            epoch=epoch,
        )
        self._source.queue(queued)
        self._written: queue.SimpleQueue[Entry | Look] = queue.SimpleQueue()
        self._journal = Journal(
            store,
            patience=patience,
            on_written=self._written.put,
            on_news=self._written.put,
            clock=clock,
        )
        self._roster = Roster()
        self._retries, self._failures = Retries(most=plan.max_retries), Failures()
        self._kept = kept
        self._stalls = StallWatch(stall_timeout, clock)
        self._clock, self._shown = clock, -SHOW_SECONDS
        self._pool_away: str | None = None
        self._at_once = False
        self.stop_reason: str | None = None

    def stop(self, reason: str) -> None:
        """Finish the evaluations in hand, store all, and return; may be called from a signal."""
        self.stop_reason = self.stop_reason or reason

    def stop_at_once(self, reason: str) -> None:
        """Leave the evaluations in hand, store what was told, and return; safe like ``stop``."""
        self.stop(reason)
        self._at_once = True

    def run(self) -> Ending:
        """Drive until the target is reached or the search is stopped.

        Raises:
            LeaseLost: If another driver took the study over.
            DatabaseAway: If PostgreSQL stayed away longer than the patience.
            ClusterAway: If Ray did.
            FailureBudget: If too many trials failed.
        """
        try:
            self._adopt()
            while not self._finished():
                self._step()
                if self._stopped():
                    self._drain()
                    return Ending.STOPPED
            return Ending.FINISHED
        except (FailureBudget, ClusterAway, KeyboardInterrupt):
            self._drain()
            raise
        finally:
            self._show()
            self._journal.close()
            self._kept.close()

    def _drain(self) -> None:
        while not self._journal.drained(DRAIN_SECONDS):
            self._collect()  # an entry may wait for others in its place

    def _stopped(self) -> bool:
        idle = not self._roster.busy and self._journal.state.waiting == 0
        asked = self._at_once or (self.stop_reason is not None and idle)
        return asked and not self._finished()

    def _step(self) -> None:
        self._draw()
        self._collect()
        self._assign()
        free = len(self._roster.busy) < len(self._pool.ready())
        timeout = BUSY_WAIT_SECONDS if free else IDLE_WAIT_SECONDS
        answers = self._pool.wait(timeout)
        if not answers and not self._roster.busy:
            time.sleep(timeout)  # nothing to wait for but the journal
        for answer in answers:
            self._hear(answer)
        self._look_at_cluster()
        self._check()
        self._look()

    def _finished(self) -> bool:
        written = self._journal.state.waiting == 0
        self._collect()  # what others wrote, too
        return (
            written
            and self._mirror.counts().finished >= self._plan.schedule.target
            and not self._roster.live
            and self._journal.state.waiting == 0
        )

    # How trials come to life

    def _adopt(self) -> None:
        """Take over what an earlier driver left running; delete what nobody needs."""
        self._kept.sweep()
        for live in self._adopted:
            self._roster.add(live)
            self._kept.report_stored(live.number, live.stored)
            self._begin_again(live, why="adopted")
            self._progress.event(f"trial {live.number} adopted as attempt {live.attempt}")

    def _draw(self) -> None:
        """Draw every trial that is due: while stopping, too, so that the sampler sees no more."""
        while self._due():
            for entry in self._next_trial():
                self._journal.append(entry)

    def _next_trial(self, ended: frozenset[int] | None = None) -> Iterator[Entry]:
        """Bring the next trial to life; what is to be stored of it, and of numbers before it."""
        while True:
            found = self._source.next(ended)
            if found.line is not None:
                self._progress.event(found.line)
            if found.entry is not None:
                yield found.entry
            if found.live is not None:
                self._roster.add(found.live)
            if found.live is not None or (ended is None and not self._due()):
                return

    def _due(self) -> bool:
        counts = self._mirror.counts()
        return self._plan.schedule.due(
            drawn=len(self._mirror),
            ended=counts.finished + counts.lost,
            failed=counts.lost,
        )

    def _begin_again(self, live: LiveTrial, *, why: str) -> None:
        """Give the trial a further attempt; it is ready once that is stored."""
        live.begin_again(epoch=self._epoch, why=why)
        self._journal.append(
            NewAttempt(
                trial=live.number,
                attempt=live.attempt,
                epoch=self._epoch,
                why=why,
                parameters=live.redrawn,
            )
        )

    # What others write

    def _learn(self, look: Look) -> None:
        """Fold what others wrote into the mirror; numbers they took are theirs."""
        self._source.queue(look.added)
        for trial in look.added:
            if not trial.state.is_finished():
                self._progress.event(f"somebody queued trial {trial.number}")
        if look.added and look.added[0].number < len(self._mirror):
            self._renumber(look.added[0].number)
        for trial in look.ended:
            self._give_up(trial)

    def _renumber(self, first: int) -> None:
        """Number the trials anew that are not stored yet: each keeps its place and what it saw.

        None of them has begun, and none changes for the trials that it learns from.
        """
        waiting = sorted(number for number in self._roster.live if number >= first)
        seen = {number: self._roster.live[number].seen for number in waiting}
        for number in waiting:
            self._roster.end(number)
        self._mirror.forget(first)

        def change(entries: tuple[Entry, ...]) -> Iterator[Entry]:
            for entry in entries:
                if isinstance(entry, AddTrial) and entry.trial >= first:
                    yield from self._next_trial(seen[entry.trial])
                else:
                    yield entry

        self._journal.rewrite(change)

    def _give_up(self, trial: FrozenTrial) -> None:
        """Take note that somebody else has ended a trial, which nobody can undo."""
        number = trial.number
        if number >= len(self._mirror):
            self._source.queue([trial])
            return
        self._mirror.overrule(counted(trial, self._mirror.name))
        self._progress.event(
            f"trial {number} was ended by somebody else as {trial.state.name}: not counted"
        )
        self._kept.trial_stored(number)
        if number in self._roster.live:
            self._roster.live[number].over = True
            if number not in self._roster.busy.values():
                self._roster.end(number)

    # How trials run

    def _collect(self) -> None:
        """See which entries are stored by now."""
        while not self._written.empty():
            match self._written.get():
                case Look() as look:
                    self._learn(look)
                case AddTrial() | TakeUp() | NewAttempt() as begun:
                    self._roster.mark_ready(begun.trial)
                case StoreReport(trial=number, stored=(*stored,)):
                    self._kept.report_stored(number, stored)
                case EndTrial(trial=number):
                    self._kept.trial_stored(number)
                case _:
                    pass

    def _assign(self) -> None:
        """Give every free worker the next trial."""
        jump = len(self._pool.names) > 1 and self._journal.state.away is not None
        for worker in self._pool.ready():
            live = self._roster.next(jump=jump)  # in an outage rather a later one than none
            if self.stop_reason or self._pool.away or live is None:
                return
            if worker not in self._roster.busy:
                self._roster.give(worker, live)
                seed = derive_seed(self._plan.seed, live.number, "run")
                self._order(worker, Begin(task=live.task(self._checkpoints, seed)))

    def _order(self, worker: str, order: Begin | Continue) -> None:
        self._stalls.begin(worker)
        self._pool.submit(worker, order)

    def _free(self, worker: str) -> LiveTrial:
        self._stalls.end(worker)
        return self._roster.free(worker)

    def _hear(self, answer: Answer) -> None:
        match answer.event:
            case Reported() as reported:
                self._hear_reports(answer.worker, self._roster.on(answer.worker), reported)
            case Crashed() | OutOfMemory() | Lost() as event:
                self._try_again(self._free(answer.worker), answer.worker, event)
        self._assign()

    def _hear_reports(self, worker: str, live: LiveTrial, reported: Reported) -> None:
        for note in reported.notes:
            self._progress.event(note)
        if live.over:
            self._roster.end(self._free(worker).number)
            return
        for report in reported.reports:
            self._fold(live, report, reported.checkpoint)
        outcome = self._plan.rules.decide(self._mirror, live.number, live.reports)
        if outcome is not None:
            self._end(self._free(worker), outcome)
        elif self.stop_reason:
            self._free(worker)
        else:
            self._order(worker, Continue())

    def _fold(self, live: LiveTrial, report: Report, checkpoint: StoredCheckpoint | None) -> None:
        """Take a report in, with its checkpoint; one that was told before is dropped."""
        if not live.take(report):
            return
        if checkpoint is not None:
            live.take_checkpoint(checkpoint)
        found = self._plan.rules.objective.score(report)
        new = self._mirror.report(live.number, report.evaluation, found)
        self._journal.append(
            StoreReport(
                trial=live.number,
                report=report,
                score=found if new else None,
                stored=None if checkpoint is None else live.stored,
            )
        )

    def _end(self, live: LiveTrial, outcome: Outcome) -> None:
        end = trial_end(outcome, live.reports, self._plan.rules.objective)
        self._mirror.finish(live.number, end)
        self._journal.append(EndTrial(trial=live.number, end=end))
        self._roster.end(live.number)
        self._failures.note(failed=isinstance(outcome, Failed))
        best = self._mirror.best()
        is_best = best is not None and best.number == live.number
        self._progress.event(tell_end(live.number, outcome, is_best=is_best))

    # What goes wrong

    def _try_again(
        self, live: LiveTrial, worker: str, event: Crashed | OutOfMemory | Lost | Stalled
    ) -> None:
        if live.over:
            self._roster.end(live.number)
            return
        match self._retries.after(live, worker, event):
            case Failed() as failed:
                self._end(live, failed)
            case retry:
                self._begin_again(live, why=retry.why)
                if retry.line is not None:
                    self._progress.event(retry.line)

    def _take_back(self, worker: str) -> None:
        """End a worker that stands still; its trial goes on elsewhere."""
        self._pool.replace(worker)
        self._try_again(self._free(worker), worker, Stalled(seconds=self._stalls.timeout))

    def _look_at_cluster(self) -> None:
        """Tell when all workers went, and when there are some again."""
        away, before = self._pool.away, self._pool_away
        self._pool_away = away
        if away is not None and before is None:
            self._progress.event(f"{away}: trials go on from their checkpoints once it is back")
        elif away is None and before is not None:
            self._progress.event("Ray is back, with fresh workers")

    def _check(self) -> None:
        """Stop where going on would be wrong or useless."""
        state = self._journal.state
        if isinstance(state.failure, DatabaseAway):
            again = shell_text(search_command("resume", study=self._checkpoints.study))
            raise DatabaseAway(
                f"{state.failure}; it did not come back in time, so the search stopped:"
                f" `{again}` goes on"
            ) from state.failure
        if state.failure is not None:
            raise state.failure
        self._check_lease()
        if state.stop_requested:
            self.stop("somebody asked it to (search stop)")
        self._failures.check()

    def _look(self) -> None:
        """See how far the workers are; asking them every time would cost more than it shows."""
        if self._clock() - self._shown < SHOW_SECONDS:
            return
        self._show()
        for worker in self._stalls.look(self._pool.iterations()):
            self._take_back(worker)

    def _show(self) -> None:
        self._shown = self._clock()
        self._progress.update(
            self._snapshots.take(
                mirror=self._mirror,
                live=self._roster.live,
                busy=self._roster.busy,
                workers=self._pool.names,
                iterations=self._pool.iterations(),
                away=self._journal.state.away,
                cluster_away=self._pool.away,
                stop_reason=self.stop_reason,
            )
        )
