"""The workers of a search as Ray actors, and how their ends are told apart."""

from typing import Any

import ray
from ray.exceptions import ActorDiedError, RayError, RayTaskError
from ray.util.placement_group import PlacementGroup
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from search.errors import ClusterError, first_line
from search.messages import Crashed, Lost, Order, Reported
from search.pool import Answer
from search.worker import Worker, WorkerSetup
from trainer.records import Scores

__all__ = ["RayPool"]


class RayPool:
    """Workers as Ray actors, each with its core or its share of a GPU."""

    def __init__(
        self,
        setup: WorkerSetup,
        *,
        count: int,
        gpu_share: float,
        places: PlacementGroup | None = None,
    ) -> None:
        """Start the workers.

        Args:
            setup: What each has to know.
            count: How many.
            gpu_share: GPUs that each takes.
            places: Where, in a cluster that is shared with others.
        """
        self._options: dict[str, Any] = {
            "scheduling_strategy": places and PlacementGroupSchedulingStrategy(places),
            "num_cpus": 1,
            "num_gpus": gpu_share,
            "max_restarts": 0,
            "max_concurrency": 2,  # the second thread answers while the first trains
            "runtime_env": {"env_vars": {"OMP_NUM_THREADS": str(setup.threads)}},
        }
        self._setup = setup
        self._actors = {f"worker-{index}": self._start() for index in range(count)}
        self._orders: dict[Any, str] = {}
        self._watches: dict[Any, str] = {}
        self._iterations = dict.fromkeys(self._actors, 0)

    @property
    def names(self) -> tuple[str, ...]:
        """The workers' names."""
        return tuple(self._actors)

    def submit(self, worker: str, order: Order) -> None:
        """Give a free worker an order."""
        self._orders[self._actors[worker].advance.remote(order)] = worker

    def wait(self, timeout: float) -> list[Answer]:
        """The answers that have come within ``timeout`` seconds."""
        if not self._orders:
            return []
        ready, _ = ray.wait(list(self._orders), num_returns=1, timeout=timeout)
        return [self._answer(reference) for reference in ready]

    def iterations(self) -> dict[str, int]:
        """True iterations of each worker's run as last heard; asks again without waiting."""
        if self._watches:
            ready, _ = ray.wait(list(self._watches), num_returns=len(self._watches), timeout=0)
            for reference in ready:
                self._hear(reference)
        for worker in set(self._actors) - set(self._watches.values()):
            self._watches[self._actors[worker].iteration.remote()] = worker
        return dict(self._iterations)

    def test_scores(self, folder: str) -> tuple[Scores, Scores]:
        """Let a worker score a checkpoint on the test split.

        Raises:
            ClusterError: If that fails, also on a fresh worker.
        """
        worker = self.names[0]
        try:
            return self._test_scores(worker, folder)
        except RayTaskError as error:
            cause = error.cause or error
            raise ClusterError(f"the test split was not scored: {first_line(cause)}") from error
        except RayError:
            self._actors[worker] = self._start()
        try:
            return self._test_scores(worker, folder)
        except RayError as error:
            raise ClusterError(f"the test split was not scored: {first_line(error)}") from error

    def _test_scores(self, worker: str, folder: str) -> tuple[Scores, Scores]:
        scores: tuple[Scores, Scores] = ray.get(self._actors[worker].test_scores.remote(folder))
        return scores

    def _start(self) -> Any:
        actor: Any = ray.remote(_Actor)
        return actor.options(**self._options).remote(self._setup)

    def _answer(self, reference: Any) -> Answer:
        worker = self._orders.pop(reference)
        try:
            return Answer(worker=worker, event=ray.get(reference))
        except RayTaskError as error:
            return Answer(worker=worker, event=_crash(error))
        except RayError as error:  # its process, its node or its memory is gone
            _check_started(worker, error)
            self._actors[worker] = self._start()
            return Answer(worker=worker, event=Lost(reason=first_line(error)))

    def _hear(self, reference: Any) -> None:
        worker = self._watches.pop(reference)
        try:
            self._iterations[worker] = ray.get(reference)
        except RayError:
            self._iterations[worker] = 0


class _Actor:
    """The worker as an actor."""

    def __init__(self, setup: WorkerSetup) -> None:
        self._worker = Worker(setup)

    def advance(self, order: Order) -> Reported:
        return self._worker.advance(order)

    def test_scores(self, folder: str) -> tuple[Scores, Scores]:
        return self._worker.test_scores(folder)

    def iteration(self) -> int:
        return self._worker.iteration()


def _check_started(worker: str, error: RayError) -> None:
    """A worker that cannot even start is no fault of a trial's."""
    if isinstance(error, ActorDiedError) and error.actor_init_failed:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ClusterError(f"{worker} cannot start: {lines[-1]}") from error


def _crash(error: RayTaskError) -> Crashed:
    cause = error.cause
    kind = type(cause).__name__ if cause is not None else type(error).__name__
    return Crashed(
        reason=f"{kind}: {first_line(cause or error)}", traceback=str(error.traceback_str)
    )
