"""The interface between the driver and its workers, independent of Ray."""

from dataclasses import dataclass
from typing import Protocol

from search.records.messages import Event, Order

__all__ = ["Answer", "Pool"]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The result of one order."""

    worker: str
    event: Event


class Pool(Protocol):
    """A set of named workers."""

    @property
    def names(self) -> tuple[str, ...]:
        """The workers' names, which stay the same when a process is replaced."""

    def ready(self) -> tuple[str, ...]:
        """The workers that can take orders now; one that lost its node may wait for another."""

    @property
    def outage(self) -> str | None:
        """Why there are no workers now, such as an unreachable cluster; None if there are."""

    def submit(self, worker: str, order: Order) -> None:
        """Give a free worker an order; returns immediately."""

    def wait(self, timeout: float) -> list[Answer]:
        """The answers that have arrived, after waiting up to ``timeout`` seconds for the first.

        A worker whose process died or ran out of memory gets a new process.

        Raises:
            ClusterUnreachable: If the workers' cluster was unreachable for too long.
        """

    def replace(self, worker: str) -> None:
        """Kill the worker's process and start a new one; its order gets no answer."""

    def iterations(self) -> dict[str, int]:
        """Iterations that each worker's current run has completed, as last reported."""
