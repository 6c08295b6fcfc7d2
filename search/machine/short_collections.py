"""Short garbage collections in a process whose objects grow in number for as long as it runs."""

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

__all__ = ["short_collections"]

FULL = 2  # the generation of a full collection


@contextmanager
def short_collections() -> Iterator[None]:
    """Within this context, a full collection skips what an earlier one has found to be in use.

    A full collection looks at every object and stops all threads meanwhile. The trials of a study
    stay until its driver ends, so each collection would take longer than the one before: most of
    a second with some thousand trials. Cyclic garbage that one collection still finds in use waits
    for the end of the context.
    """
    gc.callbacks.append(_set_aside)
    try:
        yield
    finally:
        gc.callbacks.remove(_set_aside)
        gc.unfreeze()


def _set_aside(phase: str, info: Mapping[str, int]) -> None:
    if phase == "stop" and info["generation"] == FULL:
        gc.freeze()
