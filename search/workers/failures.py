"""Errors of a run as events for the driver."""

import traceback

from search.errors import first_line
from search.records.messages import Crashed, OutOfMemory
from trainer.engine.memory import lacks_memory

__all__ = ["failure_event"]


def failure_event(error: Exception) -> Crashed | OutOfMemory:
    """The event of a run that raised an error."""
    event = OutOfMemory if lacks_memory(error) else Crashed
    return event(
        reason=f"{type(error).__name__}: {first_line(error)}",
        traceback="".join(traceback.format_exception(error)),
    )
