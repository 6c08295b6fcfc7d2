"""Processes that start quickly: forked from a server that has imported their modules."""

import multiprocessing
from multiprocessing.context import ForkServerContext

__all__ = ["fork_server"]

#: A process has one fork server, which imports these once; Optuna imports ``scipy.stats`` lazily,
#: at the first trial, which takes most of the time of a short search.
IMPORTED = (
    "scipy.stats",
    "tests.chaos.driver_process",
    "tests.fakes.search_process",
    "tests.hosts.driver_program",
    "trainer.features",
)


def fork_server() -> ForkServerContext:
    """The context whose processes are forked from the server."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(IMPORTED))
    return context
