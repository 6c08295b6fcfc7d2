"""Makes the snapshots of a running search that the progress view shows."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from search.driver.in_memory_study import InMemoryStudy
from search.driver.running_job import RunningJob
from search.objectives import Objective
from search.progress.snapshot import Snapshot, WorkerLine
from search.records.jobs import Job

__all__ = ["Snapshots"]


@dataclass(kw_only=True)
class Snapshots:
    """Makes snapshots, and estimates the remaining time from the trials this driver finished."""

    #: The study's name.
    study: str
    #: The database's address without its password.
    storage: str
    #: Trials to finish.
    target: int
    #: Iterations of a full run.
    iterations: int
    #: What the study maximises.
    objective: Objective
    clock: Callable[[], float] = time.monotonic
    _began: float = field(init=False)
    _finished_before: int | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._began = self.clock()

    def take(
        self,
        *,
        memory: InMemoryStudy,
        running: Mapping[Job, RunningJob],
        busy: Mapping[str, Job],
        workers: tuple[str, ...],
        iterations: Mapping[str, int],
        database_outage: float | None,
        stop_reason: str | None,
        cluster_outage: str | None = None,
    ) -> Snapshot:
        """The search as it is now."""
        # Optuna counts trials that were sampled ahead as running, but no worker has them yet
        trials = {worker: running[job] for worker, job in busy.items() if job.kind == "trial"}
        shown = {
            worker: running[job]
            for worker, job in busy.items()
            if job.kind in ("trial", "confirm")
        }
        counts = dataclasses.replace(memory.counts(), running=len(trials))
        if self._finished_before is None:
            self._finished_before = counts.finished
        best = memory.best()
        elapsed = self.clock() - self._began
        return Snapshot(
            study=self.study,
            storage=self.storage,
            target=self.target,
            counts=counts,
            best=None if best is None else (best.number, best.values[0]),
            workers=tuple(
                self._worker(name, shown.get(name), iterations.get(name, 0)) for name in workers
            ),
            elapsed=elapsed,
            left=self._left(elapsed, counts.finished),
            objective=self.objective.title,
            state=_state(database_outage, cluster_outage, stop_reason),
        )

    def _worker(self, name: str, running: RunningJob | None, iteration: int) -> WorkerLine:
        if running is None:
            return WorkerLine(name=name, iterations=self.iterations)
        last = running.reports[-1] if running.reports else None
        return WorkerLine(
            name=name,
            trial=running.number,
            iteration=max(iteration, last.iteration if last else 0),
            iterations=self.iterations,
            evaluation=last.evaluation if last else 0,
            score=self.objective.score(last) if last else None,
        )

    def _left(self, elapsed: float, finished: int) -> float | None:
        ended_here = finished - (self._finished_before or 0)
        if ended_here == 0:
            return None
        return elapsed / ended_here * max(0, self.target - finished)


def _state(
    database_outage: float | None, cluster_outage: str | None, stop_reason: str | None
) -> str:
    states = []
    if database_outage is not None:
        states.append(f"database unreachable for {database_outage:.0f} s, waiting")
    if cluster_outage is not None:
        states.append(cluster_outage)
    if stop_reason is not None:
        states.append(f"stopping: {stop_reason}")
    return "; ".join(states)
