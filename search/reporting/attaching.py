"""Attach: show the progress of a search that runs elsewhere, read from the database."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from search.progress.events import end_text
from search.progress.progress import Progress
from search.progress.snapshot import Snapshot, WorkerLine
from search.records.outcome import Completed, Failed, Outcome, Pruned
from search.reporting.study_view import StudyView, TrialView

__all__ = ["Watched", "attach"]

POLL_SECONDS = 2.0  # between two reads of the database
#: How long a search without a driver counts as running: a standby may take over.
GRACE_SECONDS = 45.0


def attach(
    read: Callable[[], StudyView | None],
    progress: Progress,
    *,
    storage: str,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> StudyView:
    """Show the progress of a search until it ends or has no driver.

    Args:
        read: Reads the study; None while the database cannot be reached.
        progress: Where to show it.
        storage: Address of the database, without secrets.
        sleep: Sleeps for some seconds.
        clock: Monotonic time in seconds.

    Returns:
        The study as last read.
    """
    watched = Watched(storage=storage, clock=clock)
    driven = clock()
    while True:
        view = read()
        if view is None:
            watched.show_outage(progress)
        else:
            watched.show(view, progress)
            driven = clock() if view.state == "running" else driven
            if view.state == "finished" or clock() - driven > GRACE_SECONDS:
                return view
        sleep(POLL_SECONDS)


@dataclass(kw_only=True)
class Watched:
    """What was read of a study so far, and which events were shown."""

    #: Address of the database, without secrets.
    storage: str
    #: Monotonic time in seconds.
    clock: Callable[[], float] = time.monotonic
    _began: float = field(init=False)
    _first: int | None = field(init=False, default=None)
    _ended: set[int] = field(init=False, default_factory=set)
    _attempts: dict[int, int] = field(init=False, default_factory=dict)
    _last: Snapshot | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._began = self.clock()

    def show(self, view: StudyView, progress: Progress) -> None:
        """Show the events since the last read, and the current state."""
        first = self._first is None
        for line in self._events(view):
            if not first:  # earlier events are only counted
                progress.event(line)
        self._last = self._snapshot(view)
        progress.update(self._last)

    def show_outage(self, progress: Progress) -> None:
        """Show the last state, and that the database cannot be reached."""
        if self._last is not None:
            state = "database unreachable, waiting"
            progress.update(Snapshot(**{**vars(self._last), "state": state}))

    def _events(self, view: StudyView) -> Iterator[str]:
        best = None if view.best is None else view.best.number
        for trial in view.trials:
            attempts = len(trial.attempts)
            known = self._attempts.get(trial.number, 1)
            self._attempts[trial.number] = max(attempts, known)
            if attempts > known:
                yield f"trial {trial.number} resumes as attempt {attempts} ({trial.attempts[-1]})"
            if trial.ended and trial.number not in self._ended:
                self._ended.add(trial.number)
                if trial.imported:
                    continue
                if not trial.counted:
                    yield (
                        f"trial {trial.number} was ended by somebody else as"
                        f" {trial.state.upper()}: not counted"
                    )
                    continue
                yield end_text(trial.number, _outcome(trial), is_best=trial.number == best)

    def _snapshot(self, view: StudyView) -> Snapshot:
        counts = view.counts
        if self._first is None:
            self._first = counts.finished
        elapsed = self.clock() - self._began
        ended = counts.finished - self._first
        left = max(0, view.target - counts.finished)
        return Snapshot(
            study=view.name,
            storage=self.storage,
            target=view.target,
            counts=counts,
            best=None if view.best is None else _number_and_value(view.best),
            workers=tuple(_line(trial, view) for trial in view.trials if trial.state == "running"),
            elapsed=elapsed,
            left=elapsed / ended * left if ended else None,
            objective=view.objective_title,
            state="" if view.state == "running" else f"{view.state}: no process is driving it",
        )


def _number_and_value(trial: TrialView) -> tuple[int, float]:
    assert trial.value is not None, "a complete trial has a value"
    return trial.number, trial.value


def _outcome(trial: TrialView) -> Outcome:
    """The outcome of a stored trial."""
    if trial.state == "complete":
        return Completed(value=_number_and_value(trial)[1])
    if trial.kind is not None:
        return Pruned(kind=trial.kind, reason=trial.reason)
    return Failed(reason=trial.reason, traceback=trial.traceback)


def _line(trial: TrialView, view: StudyView) -> WorkerLine:
    """A running trial, named by its attempt: only the driver knows which worker runs it."""
    iterations = int(view.config["training"]["iterations"])
    evaluation = max(trial.scores, default=0)
    return WorkerLine(
        name=f"attempt {len(trial.attempts) or 1}",
        trial=trial.number,
        iteration=iterations * evaluation // int(view.config["evaluation"]["evaluations"]),
        iterations=iterations,
        evaluation=evaluation,
        score=trial.scores.get(evaluation),
    )
