"""The driver: the one process that decides for a study, and the only one that has it stored.

It gives the jobs of the present phase to workers, hands what they report to the phase, and
handles what goes wrong in the same way for every job. Nothing here waits for PostgreSQL.
"""

import enum
import math
import queue
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from optuna.trial import FrozenTrial

from search.checkpoints.folders import CheckpointStore
from search.driver.best_on_test import BestOnTest
from search.driver.in_memory_study import InMemoryStudy
from search.driver.look import Look
from search.driver.phases import Phase
from search.driver.plan import Plan
from search.driver.retention import CheckpointRetention
from search.driver.retries import Retries, Stalled
from search.driver.running_job import RunningJob
from search.driver.running_trial import RunningTrial
from search.driver.search_phase import SearchPhase
from search.driver.snapshots import Snapshots
from search.driver.stalls import StallWatch
from search.driver.trial_queue import TrialQueue
from search.driver.write_queue import Store, WriteQueue
from search.driver.writes import Write
from search.errors import ClusterAway, FailureBudget
from search.progress.progress import Progress
from search.records.messages import Begin, Continue, Crashed, Lost, OutOfMemory, Reported
from search.records.outcome import Failed
from search.workers.pool import Answer, Pool
from storage.errors import DatabaseAway
from storage.triggers import NO_TRIGGERS, Triggers
from trainer.console.shell import search_command, shell_text

__all__ = ["Driver", "Ending"]

BUSY_WAIT_SECONDS = 0.02  # between looks while a worker is free and a trial is being stored
IDLE_WAIT_SECONDS = 0.25  # between looks while all workers train
SHOW_SECONDS = 0.5  # between two pictures of the search
DRAIN_SECONDS = 0.1  # between looks at what is stored while the last of it is written


class Ending(enum.Enum):
    """How the driving of a study ended."""

    FINISHED = "finished"
    STOPPED = "stopped"


class Driver:
    """Drives one study through its phases, while it holds the lease."""

    def __init__(
        self,
        *,
        plan: Plan,
        memory: InMemoryStudy,
        adopted: list[RunningTrial],
        store: Store,
        pool: Pool,
        checkpoints: CheckpointStore,
        kept: CheckpointRetention,
        epoch: int,
        progress: Progress,
        snapshots: Snapshots,
        check_lease: Callable[[], None],
        patience: float,
        stall_timeout: float = math.inf,
        queued: Sequence[FrozenTrial] = (),
        scored: Mapping[str, Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
        triggers: Triggers = NO_TRIGGERS,
    ) -> None:
        """Prepare to drive; nothing is ordered before :meth:`run`.

        Args:
            plan: What to do.
            memory: The study as PostgreSQL holds it.
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
            queued: Trials that somebody else added after the last one of the in-memory study.
            scored: What is stored of the best trial on test; None for nothing.
            clock: Monotonic seconds.
            triggers: Points at which a test interferes.
        """
        self._memory, self._pool, self._checkpoints = memory, pool, checkpoints
        self._progress, self._snapshots, self._check_lease = progress, snapshots, check_lease
        self._written: queue.SimpleQueue[Write | Look] = queue.SimpleQueue()
        self._write_queue = WriteQueue(
            store,
            patience=patience,
            on_written=self._written.put,
            on_news=self._written.put,
            clock=clock,
            triggers=triggers,
        )
        self._trial_queue = TrialQueue()
        self._retries, self._retention = Retries(most=plan.max_retries), kept
        self._search = SearchPhase(
            plan=plan,
            memory=memory,
            adopted=adopted,
            queued=queued,
            trial_queue=self._trial_queue,
            write_queue=self._write_queue,
            kept=kept,
            epoch=epoch,
            progress=progress,
        )
        test = BestOnTest(
            seed=plan.seed,
            memory=memory,
            scored=scored,
            trial_queue=self._trial_queue,
            write_queue=self._write_queue,
            checkpoints=checkpoints,
            kept=kept,
            epoch=epoch,
            progress=progress,
        )
        self._phases: tuple[Phase, ...] = (self._search, test)
        self._phase: Phase = self._search
        self._stalls = StallWatch(stall_timeout, clock)
        self._clock, self._triggers, self._shown = clock, triggers, -SHOW_SECONDS
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
        """Drive until every phase is finished or the search is stopped.

        Raises:
            LeaseLost: If another driver took the study over.
            DatabaseAway: If PostgreSQL stayed away longer than the patience.
            ClusterAway: If Ray did.
            FailureBudget: If too many trials failed.
        """
        try:
            finished = all(map(self._run_phase, self._phases))
            return Ending.FINISHED if finished else Ending.STOPPED
        except (FailureBudget, ClusterAway, KeyboardInterrupt):
            self._drain()
            raise
        finally:
            self._show()
            self._write_queue.close()
            self._retention.close()

    def _run_phase(self, phase: Phase) -> bool:
        """Run a phase to its end; whether it came there, and the search was not stopped before."""
        self._phase = phase
        phase.begin()
        while not self._finished():
            self._step()
            if self._stopped():
                self._drain()
                return False
        return True

    def _drain(self) -> None:
        while not self._write_queue.drained(DRAIN_SECONDS):
            self._collect()  # an entry may wait for others in its place

    def _stopped(self) -> bool:
        idle = not self._trial_queue.busy and self._write_queue.state.waiting == 0
        asked = self._at_once or (self.stop_reason is not None and idle)
        return asked and not self._finished()

    def _step(self) -> None:
        self._phase.draw()
        self._collect()
        self._assign()
        free = len(self._trial_queue.busy) < len(self._pool.ready())
        timeout = BUSY_WAIT_SECONDS if free else IDLE_WAIT_SECONDS
        answers = self._pool.wait(timeout)
        if not answers and not self._trial_queue.busy:
            time.sleep(timeout)  # nothing to wait for but the write queue
        for answer in answers:
            self._hear(answer)
        self._look_at_cluster()
        self._check()
        self._look()

    def _finished(self) -> bool:
        written = self._write_queue.state.waiting == 0
        self._collect()  # what others wrote, too
        return (
            written
            and self._phase.finished()
            and not self._trial_queue.live
            and self._write_queue.state.waiting == 0
        )

    # How jobs run

    def _collect(self) -> None:
        """See which entries are stored by now."""
        while not self._written.empty():
            match self._written.get():
                case Look() as look:
                    self._search.learn(look)
                case entry:
                    self._search.stored(entry)

    def _assign(self) -> None:
        """Give every free worker the next job."""
        jump = len(self._pool.names) > 1 and self._write_queue.state.away is not None
        for worker in self._pool.ready():
            live = self._trial_queue.next(jump=jump)  # in an outage rather a later one than none
            stopping = self.stop_reason and not self._phase.is_last_evaluation
            if stopping or self._pool.away or live is None:
                return
            if worker not in self._trial_queue.busy:
                self._trial_queue.give(worker, live)
                seed = self._phase.seed(live)
                self._order(worker, Begin(task=live.task(self._checkpoints, seed)))

    def _order(self, worker: str, order: Begin | Continue) -> None:
        self._stalls.begin(worker)
        self._triggers.ordering(order)
        self._pool.submit(worker, order)

    def _free(self, worker: str) -> RunningJob:
        self._stalls.end(worker)
        return self._trial_queue.free(worker)

    def _hear(self, answer: Answer) -> None:
        self._triggers.answered(answer.event)
        match answer.event:
            case Reported() as reported:
                self._hear_reports(answer.worker, self._trial_queue.on(answer.worker), reported)
            case Crashed() | OutOfMemory() | Lost() as event:
                self._try_again(self._free(answer.worker), answer.worker, event)
        self._assign()

    def _hear_reports(self, worker: str, live: RunningJob, reported: Reported) -> None:
        for note in reported.notes:
            self._progress.event(note)
        if live.over or self._phase.hear(live, reported):
            self._trial_queue.end(self._free(worker).job)
        elif self.stop_reason:
            self._free(worker)
        else:
            self._order(worker, Continue())

    # What goes wrong

    def _try_again(
        self, live: RunningJob, worker: str, event: Crashed | OutOfMemory | Lost | Stalled
    ) -> None:
        if live.over:
            self._trial_queue.end(live.job)
            return
        match self._retries.after(live, worker, event):
            case Failed() as failed:
                self._phase.fail(live, failed)
                self._trial_queue.end(live.job)
            case retry:
                self._phase.begin_again(live, why=retry.why)
                if retry.line is not None:
                    self._progress.event(retry.line)

    def _take_back(self, worker: str) -> None:
        """End a worker that stands still; its job goes on elsewhere."""
        self._pool.replace(worker)
        self._try_again(self._free(worker), worker, Stalled(seconds=self._stalls.timeout))

    def _look_at_cluster(self) -> None:
        """Tell when all workers went, and when there are some again."""
        away, before = self._pool.away, self._pool_away
        self._pool_away = away
        if away is not None and before is None:
            self._progress.event(f"{away}: trials resume from their checkpoints once it is back")
        elif away is None and before is not None:
            self._progress.event("Ray is back, with fresh workers")

    def _check(self) -> None:
        """Stop where going on would be wrong or useless."""
        state = self._write_queue.state
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
        self._search.check()

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
                memory=self._memory,
                live=self._trial_queue.live,
                busy=self._trial_queue.busy,
                workers=self._pool.names,
                iterations=self._pool.iterations(),
                away=self._write_queue.state.away,
                cluster_away=self._pool.away,
                stop_reason=self.stop_reason,
            )
        )
