"""The seam between the driver and its workers: four verbs, whatever carries them."""

from dataclasses import dataclass
from typing import Protocol

from search.messages import Crashed, Lost, Order, Reported
from trainer.records import Scores

__all__ = ["Answer", "Pool"]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of one order."""

    worker: str
    event: Reported | Crashed | Lost


class Pool(Protocol):
    """A set of named workers."""

    @property
    def names(self) -> tuple[str, ...]:
        """The workers' names; they do not change when a process is replaced."""

    def submit(self, worker: str, order: Order) -> None:
        """Give a free worker an order; returns at once."""

    def wait(self, timeout: float) -> list[Answer]:
        """The answers that have come, waiting at most ``timeout`` seconds for the first.

        A worker whose process is gone answers ``Lost`` and is replaced by an empty one.
        """

    def iterations(self) -> dict[str, int]:
        """True iterations of each worker's present run, as last heard."""

    def test_scores(self, folder: str) -> tuple[Scores, Scores]:
        """Let a worker score a checkpoint on the test split; blocks."""
