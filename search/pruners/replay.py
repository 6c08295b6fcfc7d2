"""Replay a pruner over full runs that it had to spare, with what was known at the time."""

import datetime
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.pruners.full_runs import SearchStudy
from search.pruners.pruner import SparingPruner
from search.records.outcome import Prune
from search.samplers.quiet import STORAGE, quiet

__all__ = ["FullRun", "Replayed", "replay"]


@dataclass(frozen=True, kw_only=True)
class FullRun:
    """A trial that ran to its end."""

    number: int
    value: float
    #: By evaluation.
    scores: Mapping[int, float]
    began: datetime.datetime
    #: Not before it began.
    ended: datetime.datetime


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """The verdicts on the immune runs, by their numbers."""

    #: Those on which the pruner decides at some evaluation.
    judged: tuple[int, ...]
    #: Those of them that it stops.
    stopped: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class _Moment:
    """An evaluation of a run, or its end."""

    time: datetime.datetime
    run: FullRun
    #: None for the end.
    evaluation: int | None

    @property
    def place(self) -> tuple[datetime.datetime, bool, int, int]:
        """Its place in time; of equal times, ends are last, so that no run meets itself."""
        return self.time, self.evaluation is None, self.run.number, self.evaluation or 0


def replay(pruner: SparingPruner, runs: Sequence[FullRun]) -> Replayed:
    """Judge each immune run as if it were not, by the full runs that had ended by then.

    An evaluation has no stored time, so evaluations are taken as evenly spaced between the
    beginning and the end of their run.
    """
    known = _StudyThen({run.number for run in runs})
    verdicts: dict[int, bool] = {}
    moments = [moment for run in runs for moment in _moments(run, pruner.evaluations)]
    for moment in sorted(moments, key=lambda moment: moment.place):
        number = moment.run.number
        if moment.evaluation is None:
            known.end(moment.run)
        elif pruner.is_immune(number) and not verdicts.get(number, False):
            verdict = pruner.judge(known, _until(moment.run, moment.evaluation))
            if verdict is not None:
                verdicts[number] = isinstance(verdict, Prune)
    return Replayed(
        judged=tuple(sorted(verdicts)),
        stopped=tuple(sorted(number for number, stops in verdicts.items() if stops)),
    )


class _StudyThen(SearchStudy):
    """The study as it was at a moment: its full runs that had ended by then."""

    def __init__(self, numbers: Collection[int]) -> None:
        """Start before the first end.

        Args:
            numbers: Of all full runs. All other trials count as ended without being one.
        """
        storage = InMemoryStorage()
        with quiet(STORAGE):
            storage.create_new_study([StudyDirection.MAXIMIZE], "replay")
        super().__init__("replay", storage)
        self._open, self._last = set(numbers), max(numbers, default=-1)

    def end(self, run: FullRun) -> None:
        """Let a run end."""
        self._open.discard(run.number)
        self.full_runs.add(_complete(run))

    def is_open(self, number: int) -> bool:
        """Whether the run of that number has not ended yet; also beyond the last one."""
        return number > self._last or number in self._open


def _moments(run: FullRun, evaluations: int) -> Iterator[_Moment]:
    step = (run.ended - run.began) / max(1, evaluations)
    for evaluation in run.scores:
        if evaluation < evaluations:
            yield _Moment(time=run.began + evaluation * step, run=run, evaluation=evaluation)
    yield _Moment(time=run.ended, run=run, evaluation=None)


def _complete(run: FullRun) -> FrozenTrial:
    scores = dict(run.scores)
    trial = create_trial(state=TrialState.COMPLETE, value=run.value, intermediate_values=scores)
    trial.number = run.number
    return trial


def _until(run: FullRun, evaluation: int) -> FrozenTrial:
    scores = {step: score for step, score in run.scores.items() if step <= evaluation}
    return create_trial(state=TrialState.RUNNING, intermediate_values=scores)
