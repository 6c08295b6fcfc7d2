"""Points at which a test can pause, fail or end a driver; otherwise nothing happens there.

A race depends on what happens between two steps. Each point is between two such steps, so that a
test decides what happens there instead of waiting for it by chance.
"""

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["NO_TRIGGERS", "Triggers"]


def _nothing(subject: object) -> None:
    del subject


@dataclass(frozen=True, kw_only=True)
class Triggers:
    """The functions called at each point, in the thread that reaches it; they may raise."""

    #: The driver is about to give a worker an order; called with the order.
    ordering: Callable[[object], None] = _nothing
    #: A worker's event has reached the driver, which has not processed it; called with the event.
    answered: Callable[[object], None] = _nothing
    #: The write queue is about to store a write; called with the write.
    writing: Callable[[object], None] = _nothing
    #: A write is stored, but the driver does not know it yet; called with the write.
    stored: Callable[[object], None] = _nothing
    #: A commit has passed the fence but is not completed; called with the study's name.
    fenced: Callable[[object], None] = _nothing
    #: The lease is about to be renewed; called with the study's name.
    renewing: Callable[[object], None] = _nothing
    #: The pool is about to restart a worker's process; called with the worker's name.
    replacing: Callable[[object], None] = _nothing


#: The default everywhere but in tests.
NO_TRIGGERS = Triggers()
