"""Log lines of Optuna that are of no use to the users of a search."""

import contextlib
import logging
from collections.abc import Iterator

__all__ = ["LBFGSB", "STORAGE", "quiet"]

STORAGE = "optuna.storages._in_memory"  # "A new study created in memory"
LBFGSB = "optuna._gp.batched_lbfgsb"  # "The 'greenlet' package is unavailable"


@contextlib.contextmanager
def quiet(module: str) -> Iterator[None]:
    """Suppress the log lines of one module, without changing Optuna's verbosity.

    Args:
        module: :data:`STORAGE` or :data:`LBFGSB`.
    """
    logger = logging.getLogger(module)
    logger.addFilter(_refuse)
    try:
        yield
    finally:
        logger.removeFilter(_refuse)


def _refuse(record: logging.LogRecord) -> bool:
    del record
    return False
