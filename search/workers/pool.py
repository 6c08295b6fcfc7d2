"""The interface between the driver and its workers, independent of Ray.

The driver gives orders to seats. A seat is a slot of a worker process, and only the pool knows
which seats share one. A worker with one slot is one seat.
"""

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
    """A set of named seats."""

    @property
    def names(self) -> tuple[str, ...]:
        """The seats, whose names stay the same when a process is replaced.

        A process that ran out of memory may have fewer of them from then on.
        """

    def ready(self) -> tuple[str, ...]:
        """The seats that can take orders now; one that lost its node may wait for another."""

    @property
    def outage(self) -> str | None:
        """Why there are no workers now, such as an unreachable cluster; None if there are."""

    def submit(self, worker: str, order: Order) -> None:
        """Give a free seat an order; returns immediately."""

    def wait(self, timeout: float) -> list[Answer]:
        """The answers that have arrived, after waiting up to ``timeout`` seconds for the first.

        A process that died or ran out of memory is replaced, and was lost for each of its busy
        seats.

        Raises:
            ClusterUnreachable: If the workers' cluster was unreachable for too long; the driver
                adds the command that continues.
        """

    def replace(self, worker: str) -> tuple[str, ...]:
        """Kill the process of a seat and start a new one; its orders get no answer.

        Returns:
            The other busy seats of that process.
        """

    def iterations(self) -> dict[str, int]:
        """Iterations that each seat's current run has completed, as last reported."""

    def notices(self) -> list[str]:
        """Messages for the user since the last call, one line each."""
