"""The seam between the driver and its workers: a few verbs, whatever carries them."""

from dataclasses import dataclass
from typing import Protocol

from search.records.messages import Event, Order

__all__ = ["Answer", "Pool"]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of one order."""

    worker: str
    event: Event


class Pool(Protocol):
    """A set of named workers."""

    @property
    def names(self) -> tuple[str, ...]:
        """The workers' names; they do not change when a process is replaced."""

    def ready(self) -> tuple[str, ...]:
        """The workers that take orders now: one that lost its node may find no room elsewhere."""

    @property
    def away(self) -> str | None:
        """Why there are no workers now, such as a cluster that is gone; None while there are."""

    def submit(self, worker: str, order: Order) -> None:
        """Give a free worker an order; returns at once."""

    def wait(self, timeout: float) -> list[Answer]:
        """The answers that have come, waiting at most ``timeout`` seconds for the first.

        A worker whose process is gone, or ran out of memory, is replaced by an empty one.

        Raises:
            ClusterAway: If the workers' cluster went and did not come back in time.
        """

    def replace(self, worker: str) -> None:
        """End the worker's process, whatever it does; its order is not answered any more."""

    def iterations(self) -> dict[str, int]:
        """True iterations of each worker's present run, as last heard."""
