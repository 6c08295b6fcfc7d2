"""The driver: the one process that decides for a study, and the only one that has it stored.

It folds what workers tell into its mirror, takes every decision from there, answers the
worker at once, and leaves the writing to the journal. Nothing here waits for PostgreSQL.
"""

import enum
import queue
import time
from collections.abc import Callable
from dataclasses import dataclass

from search.checkpoints import CheckpointStore
from search.display.events import tell_end
from search.display.progress import Progress
from search.display.snapshots import Snapshots
from search.errors import FailureBudget
from search.journal.entries import AddTrial, EndTrial, Entry, NewAttempt, StoreReport
from search.journal.journal import Journal, Store
from search.journal.ledger import trial_template
from search.live_trial import LiveTrial
from search.messages import Begin, Continue, Crashed, Lost, Reported
from search.mirror import Mirror
from search.outcome import Failed, Outcome, trial_end
from search.pool import Answer, Pool
from search.rules import Rules
from search.samplers import Sampler
from search.schedule import Schedule
from search.score import score
from search.spaces import Space
from storage.errors import DatabaseAway
from trainer.records import Report
from trainer.seeds import derive_seed

__all__ = ["Driver", "Ending", "Plan"]

BUSY_WAIT_SECONDS = 0.02  # between looks while a worker is free and a trial is being stored
IDLE_WAIT_SECONDS = 0.25  # between looks while all workers train
SHOW_SECONDS = 0.5  # between two pictures of the search
MAX_LOSSES_IN_A_ROW = 5  # a trial that loses more workers without an evaluation is at fault
EARLY_FAILURES = 3  # stop if that many first trials all failed,
RECENT_TRIALS, RECENT_FAILURES = 20, 4  # or more than 4 of the last 20


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
        epoch: int,
        progress: Progress,
        snapshots: Snapshots,
        check_lease: Callable[[], None],
        patience: float,
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
            epoch: The lease's epoch.
            progress: Shows what goes on.
            snapshots: Makes what is shown.
            check_lease: Raises once the lease is lost.
            patience: Seconds without PostgreSQL before the search stops.
            clock: Monotonic seconds.
        """
        self._plan, self._mirror, self._adopted = plan, mirror, adopted
        self._pool, self._checkpoints, self._epoch = pool, checkpoints, epoch
        self._progress, self._snapshots, self._check_lease = progress, snapshots, check_lease
        self._written: queue.SimpleQueue[Entry] = queue.SimpleQueue()
        self._journal = Journal(
            store, patience=patience, on_written=self._written.put, clock=clock
        )
        self._live: dict[int, LiveTrial] = {}
        self._ready: set[int] = set()
        self._busy: dict[str, int] = {}
        self._kept: int | None = None
        self._failed: list[bool] = []  # of the trials that ended under this driver, in order
        self._clock, self._shown = clock, -SHOW_SECONDS
        self.stop_reason: str | None = None

    def stop(self, reason: str) -> None:
        """Finish the evaluations in hand, store all, and return; may be called from a signal."""
        self.stop_reason = self.stop_reason or reason

    def run(self) -> Ending:
        """Drive until the target is reached or the search is stopped.

        Raises:
            LeaseLost: If another driver took the study over.
            DatabaseAway: If PostgreSQL stayed away longer than the patience.
            FailureBudget: If too many trials failed.
        """
        try:
            self._adopt()
            while not self._finished():
                self._step()
                if self._stopped():
                    return Ending.STOPPED
            self._collect()
            return Ending.FINISHED
        except FailureBudget:
            self._journal.drain()
            raise
        finally:
            self._show(at_once=True)
            self._journal.close()

    def _stopped(self) -> bool:
        idle = not self._busy and self._journal.state.waiting == 0
        return self.stop_reason is not None and idle and not self._finished()

    def _step(self) -> None:
        self._draw()
        self._collect()
        self._assign()
        free = len(self._busy) < len(self._pool.names)
        timeout = BUSY_WAIT_SECONDS if free else IDLE_WAIT_SECONDS
        answers = self._pool.wait(timeout)
        if not answers and not self._busy:
            time.sleep(timeout)  # nothing to wait for but the journal
        for answer in answers:
            self._hear(answer)
        self._check()
        self._show()

    def _finished(self) -> bool:
        return (
            self._mirror.counts().finished >= self._plan.schedule.target
            and not self._live
            and self._journal.state.waiting == 0
        )

    # How trials come to life

    def _adopt(self) -> None:
        """Take over what an earlier driver left running; delete what nobody needs."""
        best = self._mirror.best()
        self._kept = best.number if best else None
        for trial in self._mirror.trials():
            if trial.state.is_finished() and trial.number != self._kept:
                self._checkpoints.discard(trial.number)
        for live in self._adopted:
            self._live[live.number] = live
            self._begin_again(live, why="adopted")
            self._progress.event(f"trial {live.number} adopted as attempt {live.attempt}")

    def _draw(self) -> None:
        """Draw every trial that is due: while stopping, too, so that the sampler sees no more."""
        while self._due():
            number = len(self._mirror)
            parameters = self._plan.sampler(
                self._mirror.study, self._plan.space, number, self._plan.seed
            )
            template = trial_template(parameters, self._plan.space.distributions, self._epoch)
            self._mirror.add(template)
            self._live[number] = LiveTrial(
                number=number, hyper=parameters, history=[(1, self._epoch, "new")]
            )
            self._journal.append(AddTrial(trial=number, parameters=parameters, epoch=self._epoch))

    def _due(self) -> bool:
        counts = self._mirror.counts()
        return self._plan.schedule.due(
            drawn=len(self._mirror),
            ended=counts.finished + counts.failed,
            failed=counts.failed,
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

    # How trials run

    def _collect(self) -> None:
        """See which entries are stored by now."""
        while not self._written.empty():
            match self._written.get():
                case AddTrial(trial=number) | NewAttempt(trial=number):
                    self._ready.add(number)
                case EndTrial(trial=number):
                    self._tidy(number)
                case _:
                    pass

    def _assign(self) -> None:
        """Give every free worker the waiting trial of the lowest number.

        A trial that lost its worker goes before those drawn after it, also while its new
        attempt is being stored: with one worker trials then end in the order of their numbers
        whatever happens, and the sampler sees what it would have seen undisturbed.
        """
        for worker in self._pool.names:
            number = self._next_trial()
            if self.stop_reason or number is None:
                return
            if worker not in self._busy:
                self._begin(worker, self._live[number])

    def _next_trial(self) -> int | None:
        waiting = self._live.keys() - self._busy.values()
        if len(self._pool.names) > 1 and self._journal.state.away is not None:
            waiting &= self._ready  # an outage: rather another trial than none
        number = min(waiting, default=None)
        return number if number in self._ready else None

    def _begin(self, worker: str, live: LiveTrial) -> None:
        self._ready.remove(live.number)
        self._busy[worker] = live.number
        seed = derive_seed(self._plan.seed, live.number, "run")
        self._pool.submit(worker, Begin(task=live.task(self._checkpoints, seed)))

    def _hear(self, answer: Answer) -> None:
        live = self._live[self._busy[answer.worker]]
        match answer.event:
            case Reported() as reported:
                self._hear_reports(answer.worker, live, reported)
            case Crashed(reason=reason, traceback=traceback):
                del self._busy[answer.worker]
                self._hear_error(live, reason, traceback)
            case Lost(reason=reason):
                del self._busy[answer.worker]
                self._hear_loss(live, answer.worker, reason)
        self._assign()

    def _hear_reports(self, worker: str, live: LiveTrial, reported: Reported) -> None:
        for note in reported.notes:
            self._progress.event(note)
        for report in reported.reports:
            self._fold(live, report)
        outcome = self._plan.rules.decide(self._mirror, live.number, live.reports)
        if outcome is not None:
            del self._busy[worker]
            self._end(live, outcome)
        elif self.stop_reason:
            del self._busy[worker]
        else:
            self._pool.submit(worker, Continue())

    def _fold(self, live: LiveTrial, report: Report) -> None:
        """Take a report in; one that was told before is dropped."""
        if not live.take(report):
            return
        found = score(report)
        new = self._mirror.report(live.number, report.evaluation, found)
        self._journal.append(
            StoreReport(trial=live.number, report=report, score=found if new else None)
        )

    def _end(self, live: LiveTrial, outcome: Outcome) -> None:
        end = trial_end(outcome, live.reports)
        self._mirror.finish(live.number, end)
        self._journal.append(EndTrial(trial=live.number, end=end))
        del self._live[live.number]
        self._failed.append(isinstance(outcome, Failed))
        best = self._mirror.best()
        is_best = best is not None and best.number == live.number
        self._progress.event(tell_end(live.number, outcome, is_best=is_best))

    def _tidy(self, number: int) -> None:
        """Delete the checkpoints of a stored trial, but for those of the best one."""
        best = self._mirror.best()
        if best is None or best.number != number:
            self._checkpoints.discard(number)
            return
        if self._kept is not None and self._kept != number:
            self._checkpoints.discard(self._kept)
        self._kept = number

    # What goes wrong

    def _hear_error(self, live: LiveTrial, reason: str, traceback: str) -> None:
        if live.errors >= self._plan.max_retries:
            self._end(live, Failed(reason=reason, traceback=traceback))
            return
        self._begin_again(live, why="error")
        self._progress.event(
            f"trial {live.number} broke: {reason};"
            f" try {live.errors + 1} of {self._plan.max_retries + 1}"
        )

    def _hear_loss(self, live: LiveTrial, worker: str, reason: str) -> None:
        """A lost worker is no fault of the trial's, unless it happens again and again."""
        if live.count_loss() > MAX_LOSSES_IN_A_ROW:
            self._hear_error(live, f"{worker} was lost: {reason}", traceback="")
            return
        self._begin_again(live, why="lost")
        self._progress.event(
            f"{worker} was lost ({reason}); trial {live.number} goes on elsewhere"
        )

    def _check(self) -> None:
        """Stop where going on would be wrong or useless."""
        state = self._journal.state
        if isinstance(state.failure, DatabaseAway):
            raise DatabaseAway(
                f"{state.failure}; it did not come back in time, so the search stopped:"
                f" `python -m search resume {self._checkpoints.study}` goes on"
            ) from state.failure
        if state.failure is not None:
            raise state.failure
        self._check_lease()
        if state.stop_requested:
            self.stop("somebody asked it to (search stop)")
        self._check_failures()

    def _check_failures(self) -> None:
        early = len(self._failed) == EARLY_FAILURES and all(self._failed)
        last = self._failed[-RECENT_TRIALS:]
        if early or sum(last) > RECENT_FAILURES:
            raise FailureBudget(
                f"{sum(last)} of the last {len(last)} trials failed, so the"
                " search stopped: `search status --failures` shows their errors; mend the cause,"
                " then `search resume`"
            )

    def _show(self, *, at_once: bool = False) -> None:
        """Show how it goes; asking the workers every time would cost more than it shows."""
        now = self._clock()
        if now - self._shown < SHOW_SECONDS and not at_once:
            return
        self._shown = now
        self._progress.update(
            self._snapshots.take(
                mirror=self._mirror,
                live=self._live,
                busy=self._busy,
                workers=self._pool.names,
                iterations=self._pool.iterations(),
                away=self._journal.state.away,
                stop_reason=self.stop_reason,
            )
        )
