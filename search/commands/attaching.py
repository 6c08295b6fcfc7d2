"""Attach: the progress of a search that runs elsewhere, from the database alone."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from optuna.trial import FrozenTrial, TrialState

from search.driver.study_store import attempts_of
from search.progress.events import tell_end
from search.progress.progress import Progress
from search.progress.snapshot import Snapshot, WorkerLine
from search.records.outcome import Completed, Failed, Outcome, Pruned, prune_kind, prune_reason
from search.reporting.reading import StudyView

__all__ = ["Watched", "attach"]

POLL_SECONDS = 2.0  # between two looks at the database
#: Without a driver for so long the search is taken for paused: another may stand by.
GRACE_SECONDS = 45.0


def attach(
    read: Callable[[], StudyView | None],
    progress: Progress,
    *,
    storage: str,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> StudyView:
    """Show how a search goes until it ends or nobody drives it.

    Args:
        read: Reads the study; None while the database is away.
        progress: Shows it.
        storage: The database, masked.
        sleep: Waits some seconds.
        clock: Monotonic seconds.

    Returns:
        The study as it was seen last.
    """
    watched = Watched(storage=storage, clock=clock)
    driven = clock()
    while True:
        view = read()
        if view is None:
            watched.show_away(progress)
        else:
            watched.show(view, progress)
            driven = clock() if view.state == "running" else driven
            if view.state == "finished" or clock() - driven > GRACE_SECONDS:
                return view
        sleep(POLL_SECONDS)


@dataclass(kw_only=True)
class Watched:
    """What was seen of a study so far, and what is told of it."""

    #: The database, masked.
    storage: str
    #: Monotonic seconds.
    clock: Callable[[], float] = time.monotonic
    _began: float = field(init=False)
    _first: int | None = field(init=False, default=None)
    _ended: set[int] = field(init=False, default_factory=set)
    _attempts: dict[int, int] = field(init=False, default_factory=dict)
    _last: Snapshot | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._began = self.clock()

    def show(self, view: StudyView, progress: Progress) -> None:
        """Tell what happened since the last look, and how the study stands."""
        first = self._first is None
        for line in self._events(view):
            if not first:  # what was before is in the counts
                progress.event(line)
        self._last = self._snapshot(view)
        progress.update(self._last)

    def show_away(self, progress: Progress) -> None:
        """The database is away; what was seen last stays."""
        if self._last is not None:
            progress.update(Snapshot(**{**vars(self._last), "state": "database away, waiting"}))

    def _events(self, view: StudyView) -> Iterator[str]:
        best = None if view.best is None else view.best.number
        for trial in view.trials:
            attempts = len(attempts_of(trial))
            known = self._attempts.get(trial.number, 1)
            self._attempts[trial.number] = max(attempts, known)
            if attempts > known:
                why = attempts_of(trial)[-1][2]
                yield f"trial {trial.number} goes on as attempt {attempts} ({why})"
            if trial.state.is_finished() and trial.number not in self._ended:
                self._ended.add(trial.number)
                yield tell_end(trial.number, _outcome(trial), is_best=trial.number == best)

    def _snapshot(self, view: StudyView) -> Snapshot:
        counts = view.counts
        if self._first is None:
            self._first = counts.finished
        elapsed = self.clock() - self._began
        ended = counts.finished - self._first
        left = max(0, view.record.trials - counts.finished)
        return Snapshot(
            study=view.record.name,
            storage=self.storage,
            target=view.record.trials,
            counts=counts,
            best=None if view.best is None else (view.best.number, view.best.values[0]),
            workers=tuple(
                _line(trial, view) for trial in view.trials if not trial.state.is_finished()
            ),
            elapsed=elapsed,
            left=elapsed / ended * left if ended else None,
            state="" if view.state == "running" else f"{view.state}: nobody drives it now",
        )


def _outcome(trial: FrozenTrial) -> Outcome:
    """How a stored trial ended."""
    if trial.state is TrialState.COMPLETE:
        return Completed(value=trial.values[0])
    kind = prune_kind(trial)
    if kind is not None:
        return Pruned(kind=kind, reason=prune_reason(trial) or "")
    return Failed(reason=str(trial.user_attrs.get("failure", "")), traceback="")


def _line(trial: FrozenTrial, view: StudyView) -> WorkerLine:
    """A running trial: which worker has it is known to the driver alone."""
    config = view.record.config
    iterations = int(config["training"]["iterations"])
    evaluation = trial.last_step or 0
    return WorkerLine(
        name=f"attempt {len(attempts_of(trial)) or 1}",
        trial=trial.number,
        iteration=iterations * evaluation // int(config["evaluation"]["evaluations"]),
        iterations=iterations,
        evaluation=evaluation,
        score=trial.intermediate_values.get(evaluation),
    )
