"""Reading ahead: the next images are decoded while something else is done with the last ones."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["read_ahead"]

Item = TypeVar("Item")
Read = TypeVar("Read")


def read_ahead(
    read: Callable[[Item], Read], items: Iterable[Item], *, workers: int = 1
) -> Generator[Read, None, None]:
    """What reading each item gives, in order; some items ahead are read in threads.

    Whoever stops before the end closes it, so that no thread is left.

    Args:
        read: Reads one item; an error is raised where its result would be given.
        items: What to read.
        workers: Threads that read, and items that are read ahead.
    """
    pool = ThreadPoolExecutor(max_workers=workers)
    pending: deque[Future[Read]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(read, item))
            if len(pending) > workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
