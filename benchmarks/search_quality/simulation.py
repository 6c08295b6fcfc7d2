"""A search on a simulated clock: real sampler, schedule and pruner, and runs that cost nothing.

Every evaluation of a run takes one unit of time, and each seat trains one run at a time. As many
trials are in flight as in a real search with these seats, so the sampler sees what it would see.
"""

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from optuna.trial import TrialState, create_trial

from benchmarks.search_quality.recorded import value_of
from search.driver.in_memory_study import InMemoryStudy
from search.driver.schedule import Schedule
from search.launch.launching import PREFETCHED
from search.pruners.pruner import Pruner
from search.records.outcome import COLLAPSED, Prune, TrialEnd
from search.records.stored_trial import HEALTHY
from search.spaces import Space

__all__ = ["SEATS", "Ended", "Run", "Simulation"]

SEATS = 4


class Run(Protocol):
    """What a trial would do if nothing stopped it."""

    @property
    def scores(self) -> tuple[float, ...]:
        """After each evaluation."""

    @property
    def collapsed(self) -> int | None:
        """Evaluation after which the collapse rules stop it; None for a healthy run."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a trial ended."""

    number: int
    params: Mapping[str, float]
    #: The run's value if it was complete, and its last score if it was stopped.
    value: float
    #: Evaluations that were trained.
    trained: int
    #: ``complete``, ``collapsed`` or ``behind``.
    kind: str


@dataclass(kw_only=True)
class Simulation:
    """A search."""

    space: Space
    #: Maps the study and the number of a trial to its parameters.
    propose: Callable[[InMemoryStudy, int], Mapping[str, float]]
    #: Maps number and parameters of a trial to its run.
    run_of: Callable[[int, Mapping[str, float]], Run]
    pruner: Pruner
    trials: int
    seats: int = SEATS
    memory: InMemoryStudy = field(default_factory=lambda: InMemoryStudy("simulation"))
    #: In the order in which they ended.
    ended: list[Ended] = field(default_factory=list)

    def finish(self) -> "Simulation":
        """Run the search to its target; returns itself."""
        schedule = Schedule(target=self.trials, in_flight=self.seats + PREFETCHED)
        waiting: list[int] = []
        free = list(range(self.seats))
        due: list[tuple[int, int, int, int]] = []  # time, seat, trial, evaluation
        runs: dict[int, Run] = {}
        now = 0
        while len(self.ended) < self.trials:
            drawn = len(self.memory)
            while schedule.due(drawn=drawn, ended=self.memory.ended, uncounted=0):
                params = dict(self.propose(self.memory, drawn))
                self.memory.add(
                    create_trial(
                        state=TrialState.RUNNING,
                        params=params,
                        distributions=self.space.distributions,
                    )
                )
                runs[drawn] = self.run_of(drawn, params)
                waiting.append(drawn)
                drawn += 1
            while free and waiting:
                heapq.heappush(due, (now + 1, free.pop(0), waiting.pop(0), 1))
            now, seat, number, evaluation = heapq.heappop(due)
            if self._is_over(number, runs[number], evaluation):
                free.append(seat)
            else:
                heapq.heappush(due, (now + 1, seat, number, evaluation + 1))
        return self

    def _is_over(self, number: int, run: Run, evaluation: int) -> bool:
        score = run.scores[evaluation - 1]
        self.memory.report(number, evaluation, score)
        if evaluation == run.collapsed:
            kind, value = "collapsed", score
        elif evaluation == len(run.scores):
            kind, value = "complete", value_of(run.scores)
        elif isinstance(self.pruner.decide(self.memory.study, self.memory.trial(number)), Prune):
            kind, value = "behind", score
        else:
            return False
        complete = kind == "complete"
        end = TrialEnd(
            state=TrialState.COMPLETE if complete else TrialState.PRUNED,
            value=value if value == value else None,
            attributes={},
            constraint=COLLAPSED if kind == "collapsed" else HEALTHY,
        )
        params = self.memory.trial(number).params
        self.memory.finish(number, end)
        self.ended.append(
            Ended(number=number, params=params, value=value, trained=evaluation, kind=kind)
        )
        return True
