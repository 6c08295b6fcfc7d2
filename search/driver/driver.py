"""The driver: makes every decision about a study, and is the only process that stores them.

It gives the jobs of the current phase to workers, passes their reports to the phase, and handles
crashes and lost workers in the same way for every job. Nothing here waits for PostgreSQL.
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
from search.driver.confirming import Confirming, confirming_phases
from search.driver.continuing import continuing_command
from search.driver.in_memory_study import InMemoryStudy
from search.driver.note_keeper import MakeNote, NoteKeeper, NoteState
from search.driver.phases import Phase, PhaseContext
from search.driver.plan import Plan
from search.driver.retention import CheckpointRetention
from search.driver.retries import Retries, Stalled
from search.driver.running_job import RunningJob
from search.driver.running_trial import RunningTrial
from search.driver.search_phase import SearchPhase
from search.driver.snapshots import Snapshots
from search.driver.stalls import StallWatch
from search.driver.study_changes import StudyChanges
from search.driver.trial_queue import TrialQueue
from search.driver.write_queue import Store, WriteQueue
from search.driver.writes import Write
from search.errors import ClusterUnreachable, FailureBudget
from search.machine.whose_pictures import WhosePictures
from search.progress.progress import Progress
from search.records.messages import (
    Begin,
    Continue,
    Crashed,
    DrawPictures,
    Lost,
    Order,
    OutOfMemory,
    PicturesDrawn,
    Reported,
)
from search.records.outcome import Failed
from search.workers.pool import Answer, Pool
from storage.errors import DatabaseUnreachable
from storage.triggers import NO_TRIGGERS, Triggers
from trainer.console.shell import Command, shell_text

__all__ = ["Driver", "Ending"]

STORE_WAIT_SECONDS = 0.005  # longest wait for workers while one is free and writes are pending
BUSY_WAIT_SECONDS = 0.02  # longest wait for workers while one of them is free
IDLE_WAIT_SECONDS = 0.25  # longest wait for workers while all of them train
SHOW_SECONDS = 0.5  # between two updates of the progress view
NOTE_SECONDS = 5.0  # longest wait for the last note
DRAIN_SECONDS = 0.1  # between two checks while the last writes are stored


class Ending(enum.Enum):
    """Why the driver returned."""

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
        retention: CheckpointRetention,
        epoch: int,
        progress: Progress,
        snapshots: Snapshots,
        check_lease: Callable[[], None],
        patience: float,
        stall_timeout: float = math.inf,
        queued: Sequence[FrozenTrial] = (),
        scored: Mapping[str, Any] | None = None,
        readings: int = 0,
        confirming: Confirming | None = None,
        again: Command | None = None,
        make_note: MakeNote | None = None,
        pictures: WhosePictures = "none",
        clock: Callable[[], float] = time.monotonic,
        triggers: Triggers = NO_TRIGGERS,
    ) -> None:
        """Prepare to drive; workers get no order before :meth:`run`.

        Args:
            plan: The plan of the study.
            memory: The in-memory study, as PostgreSQL holds it.
            adopted: The trials that an earlier driver left running, by number.
            store: Stores the writes.
            pool: The workers.
            checkpoints: The checkpoint folders of all attempts.
            retention: Deletes checkpoints that are no longer needed.
            epoch: The lease's epoch.
            progress: Shows progress and events.
            snapshots: Makes the snapshots that progress shows.
            check_lease: Raises once the lease is lost.
            patience: Seconds without PostgreSQL before the search stops.
            stall_timeout: Seconds without progress after which a worker is restarted.
            queued: Trials that somebody else added after the last one of the in-memory study.
            scored: The test scores that an earlier driver stored; None if there are none.
            readings: How often the study's test split was scored before.
            confirming: What to confirm instead of searching; None for a search.
            again: The command that continues, for messages; None for ``resume`` or ``confirm``.
            make_note: Makes the study's note; None for no notes.
            pictures: Which trials get pictures.
            clock: Monotonic seconds.
            triggers: Points at which a test interferes.
        """
        self._memory, self._pool, self._checkpoints = memory, pool, checkpoints
        self._progress, self._snapshots, self._check_lease = progress, snapshots, check_lease
        self._written: queue.SimpleQueue[Write | StudyChanges] = queue.SimpleQueue()
        self._write_queue = WriteQueue(
            store,
            patience=patience,
            on_written=self._written.put,
            on_changes=self._written.put,
            clock=clock,
            triggers=triggers,
        )
        self._trial_queue = TrialQueue()
        self._retries, self._retention = Retries(most=plan.max_retries), retention
        confirmed = None if confirming is None else confirming.plan
        again = again or continuing_command(checkpoints.study, confirmed)
        self._again = shell_text(again)
        context = PhaseContext(
            trial_queue=self._trial_queue,
            write_queue=self._write_queue,
            checkpoints=checkpoints,
            retention=retention,
            epoch=epoch,
            progress=progress,
            again=again,
        )
        self._search = SearchPhase(
            plan=plan,
            memory=memory,
            adopted=adopted,
            queued=queued,
            context=context,
            pictures=pictures,
        )
        self._test = BestOnTest(
            seed=plan.seed, memory=memory, scored=scored, readings=readings, context=context
        )
        self._phases: tuple[Phase, ...] = (self._search, self._test)
        if confirming is not None:
            self._phases = confirming_phases(confirming, plan, context)
        self._phase = self._phases[0]
        target = plan.schedule.target
        self._note = NoteKeeper(make_note, self._write_queue, target=target, clock=clock)
        self._stalls = StallWatch(stall_timeout, clock)
        self._clock, self._triggers, self._shown = clock, triggers, -SHOW_SECONDS
        self._pool_outage: str | None = None
        self._at_once = False
        self.stop_reason: str | None = None

    def stop(self, reason: str) -> None:
        """Finish running evaluations, store everything and return; safe in a signal handler."""
        self.stop_reason = self.stop_reason or reason

    def stop_at_once(self, reason: str) -> None:
        """Abandon running evaluations, store all reports and return; safe in a signal handler."""
        self.stop(reason)
        self._at_once = True

    def run(self) -> Ending:
        """Drive until every phase is finished or the search is stopped.

        Raises:
            LeaseLost: If another driver took over the study.
            DatabaseUnreachable: If PostgreSQL was unreachable for longer than the patience.
            ClusterUnreachable: If Ray was.
            FailureBudget: If too many jobs failed.
        """
        try:
            finished = all(map(self._run_phase, self._phases))
            self._close_note(finished=finished)
            return Ending.FINISHED if finished else Ending.STOPPED
        except ClusterUnreachable as error:
            self._drain()
            raise ClusterUnreachable(f"{error}: `{self._again}` continues") from error
        except (FailureBudget, KeyboardInterrupt):
            self._drain()
            raise
        finally:
            self._show()
            self._write_queue.close()
            self._retention.close()

    def _run_phase(self, phase: Phase) -> bool:
        """Run a phase; returns True if it finished, False if the search was stopped before."""
        self._phase = phase
        phase.begin()
        while not self._finished():
            self._step()
            if self._stopped():
                self._drain()
                return False
        return True

    def _close_note(self, *, finished: bool) -> None:
        state: NoteState = "finished" if finished else "paused"
        self._note.write(self._memory, state, self._test.scored)
        self._write_queue.drained(NOTE_SECONDS)

    def _drain(self) -> None:
        while not self._write_queue.drained(DRAIN_SECONDS):
            self._collect()  # a write whose number was taken waits to be replaced

    def _stopped(self) -> bool:
        idle = not self._trial_queue.busy and self._write_queue.state.waiting == 0
        asked = self._at_once or (self.stop_reason is not None and idle)
        return asked and not self._finished()

    def _step(self) -> None:
        self._phase.draw()
        self._collect()
        self._assign()
        timeout = self._longest_wait()
        answers = self._pool.wait(timeout)
        if not answers and not self._trial_queue.busy:
            time.sleep(timeout)  # only the write queue is at work
        for answer in answers:
            self._handle(answer)
        self._show_outage()
        for notice in self._pool.notices():
            self._progress.event(notice)
        self._check()
        self._show_in_time()

    def _longest_wait(self) -> float:
        """Seconds; a free worker may get the next trial as soon as that is stored."""
        if len(self._trial_queue.busy) >= len(self._pool.ready()):
            return IDLE_WAIT_SECONDS
        return STORE_WAIT_SECONDS if self._write_queue.state.waiting else BUSY_WAIT_SECONDS

    def _finished(self) -> bool:
        written = self._write_queue.state.waiting == 0
        self._collect()  # may add writes, after changes by others
        return (
            written
            and self._phase.finished()
            and not self._trial_queue.running
            and self._write_queue.state.waiting == 0
        )

    # How jobs run

    def _collect(self) -> None:
        """Process finished writes and changes that others made to the study."""
        while not self._written.empty():
            match self._written.get():
                case StudyChanges() as changes:
                    self._search.apply_changes(changes)
                case write:
                    self._phase.stored(write)

    def _assign(self) -> None:
        """Give every free worker the next job.

        With several workers, a job that waits for an unreachable database does not hold up the
        jobs after it.
        """
        jump = len(self._pool.names) > 1 and self._write_queue.state.outage_seconds is not None
        for worker in self._pool.ready():
            if worker in self._trial_queue.busy:
                continue
            running = self._trial_queue.next(jump=jump)
            stopping = self.stop_reason and not self._phase.is_last_evaluation
            if stopping or self._pool.outage or running is None:
                return
            self._trial_queue.give(worker, running)
            seed = self._phase.seed(running)
            self._order(worker, Begin(task=running.task(self._checkpoints, seed)))

    def _order(self, worker: str, order: Order) -> None:
        self._stalls.begin(worker)
        self._triggers.ordering(order)
        self._pool.submit(worker, order)

    def _free(self, worker: str) -> RunningJob:
        self._stalls.end(worker)
        return self._trial_queue.free(worker)

    def _handle(self, answer: Answer) -> None:
        self._triggers.answered(answer.event)
        match answer.event:
            case Reported() as reported:
                self._handle_reports(answer.worker, self._trial_queue.on(answer.worker), reported)
            case PicturesDrawn() as drawn:
                self._handle_pictures(answer.worker, drawn)
            case Crashed() | OutOfMemory() | Lost() as event:
                self._try_again(self._free(answer.worker), answer.worker, event)
        self._assign()

    def _handle_reports(self, worker: str, running: RunningJob, reported: Reported) -> None:
        for note in reported.notes:
            self._progress.event(note)
        if running.over:
            self._end_over(self._free(worker))
        elif self._phase.receive(running, reported):
            self._trial_queue.end(self._free(worker).job)
        elif self._search.draws(running):
            self._order(worker, DrawPictures())
        elif self.stop_reason:
            self._free(worker)
        else:
            self._order(worker, Continue())

    def _handle_pictures(self, worker: str, drawn: PicturesDrawn) -> None:
        for note in drawn.notes:
            self._progress.event(note)
        running = self._free(worker)
        if running.over:
            self._end_over(running)
            return
        self._search.finish(running, drawn.pictures)
        self._trial_queue.end(running.job)

    def _end_over(self, running: RunningJob) -> None:
        """End a job that somebody else has ended; its worker has written a checkpoint since."""
        self._retention.trial_stored(running.number)
        self._trial_queue.end(running.job)

    # What goes wrong

    def _try_again(
        self, running: RunningJob, worker: str, event: Crashed | OutOfMemory | Lost | Stalled
    ) -> None:
        if running.over:
            self._end_over(running)
            return
        if self._search.draws(running):  # its result is known: a picture costs no trial
            self._progress.event(f"{running.job.title} has no pictures: {event.reason}")
            self._search.finish(running, ())
            self._trial_queue.end(running.job)
            return
        match self._retries.after(running, worker, event):
            case Failed() as failed:
                self._phase.fail(running, failed)
                self._trial_queue.end(running.job)
            case retry:
                self._phase.begin_again(running, why=retry.why)
                if retry.line is not None:
                    self._progress.event(retry.line)

    def _restart_stalled(self, worker: str) -> None:
        """Restart a stalled process; its jobs continue on others."""
        seconds = self._stalls.timeout
        others = self._pool.replace(worker)
        if not others:
            self._try_again(self._free(worker), worker, Stalled(seconds=seconds))
            return
        lost = Lost(reason=f"no progress for {seconds:.0f} s", shared=True)
        for seat in (worker, *others):
            self._try_again(self._free(seat), seat, lost)

    def _show_outage(self) -> None:
        """Show when the cluster becomes unreachable, and when it is back."""
        outage, before = self._pool.outage, self._pool_outage
        self._pool_outage = outage
        if outage is not None and before is None:
            self._progress.event(f"{outage}: trials resume from their checkpoints once it is back")
        elif outage is None and before is not None:
            self._progress.event("Ray is back, with new workers")

    def _check(self) -> None:
        """Stop the search if it must not or cannot continue."""
        state = self._write_queue.state
        if isinstance(state.failure, DatabaseUnreachable):
            raise DatabaseUnreachable(
                f"{state.failure}; it did not come back in time, so the search stopped:"
                f" `{self._again}` continues it"
            ) from state.failure
        if state.failure is not None:
            raise state.failure
        self._check_lease()
        if state.stop_requested:
            self.stop("requested by `python -m search stop`")
        if state.target > self._search.target and self._phase is self._search:
            self._extend(state.target)
        self._phase.check()

    def _extend(self, target: int) -> None:
        """Finish more trials than planned, as somebody asked for."""
        self._search.extend(target)
        self._snapshots.target = self._note.target = target
        self._progress.event(f"extended to {target} trials, as requested")

    def _show_in_time(self) -> None:
        """Twice a second, update the progress view and restart stalled workers."""
        if self._clock() - self._shown < SHOW_SECONDS:
            return
        self._show()
        self._show_note()
        for worker in self._stalls.stalled(self._pool.iterations()):
            if worker in self._trial_queue.busy:  # else it was restarted with another seat
                self._restart_stalled(worker)

    def _show_note(self) -> None:
        line = self._note.update(self._memory, self._test.scored)
        if line is not None:
            self._progress.event(line)

    def _show(self) -> None:
        self._shown = self._clock()
        self._progress.update(
            self._snapshots.take(
                memory=self._memory,
                running=self._trial_queue.running,
                busy=self._trial_queue.busy,
                workers=self._pool.names,
                iterations=self._pool.iterations(),
                database_outage=self._write_queue.state.outage_seconds,
                cluster_outage=self._pool.outage,
                stop_reason=self.stop_reason,
            )
        )
