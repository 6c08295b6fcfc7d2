"""Orders to a worker of this process, and its answers."""

from pathlib import Path

from search.records.jobs import Job
from search.records.messages import Event, Order, Task
from search.workers.worker import Worker

__all__ = ["answer", "task_of"]


def task_of(trial: int, folder: Path) -> Task:
    """A trial with default hyper-parameters and the trial's number as its seed.

    Args:
        trial: Its number.
        folder: Where its checkpoints go, each trial in a folder of its own.
    """
    return Task(
        job=Job("trial", trial),
        attempt=1,
        params={},
        seed=trial,
        folder=str(folder / f"trial-{trial}"),
    )


def answer(worker: Worker, order: Order) -> Event:
    """Give an order to the only slot of a worker; returns what it answers."""
    worker.take(0, order)
    events: dict[int, Event] = {}
    while not events:
        events = worker.work()
    return events[0]
