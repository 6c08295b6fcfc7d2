"""Points at which a test can pause, fail or end a driver; nothing happens at them otherwise.

A race is a matter of what happens between two steps. Each point here lies between two such steps,
so that a test decides what comes in between, and does not wait for it to happen.
"""

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["NO_TRIGGERS", "Triggers"]


def _nothing(subject: object) -> None:
    del subject


@dataclass(frozen=True, kw_only=True)
class Triggers:
    """What is called at each point, in the thread that comes there; it may raise."""

    #: The driver is about to give a worker an order; with the order.
    ordering: Callable[[object], None] = _nothing
    #: A worker's event has reached the driver, which knows nothing of it yet; with the event.
    answered: Callable[[object], None] = _nothing
    #: The write queue is about to store a write; with the write.
    writing: Callable[[object], None] = _nothing
    #: A write is stored, and neither the write queue nor the driver knows; with the write.
    stored: Callable[[object], None] = _nothing
    #: A commit has passed the fence, and is not done; with the study's name.
    fenced: Callable[[object], None] = _nothing
    #: The lease is about to be renewed; with the study's name.
    renewing: Callable[[object], None] = _nothing
    #: The pool is about to end a worker's process and start another; with the worker's name.
    replacing: Callable[[object], None] = _nothing


#: What every caller but a test has.
NO_TRIGGERS = Triggers()
