"""What can go wrong while training, as types.

Every message is one line: what was given, which rule it breaks, how to mend it.
Assertions are for our own invariants, these are for what a user can mend::

    TrainerError
    ├── ConfigError      a setting is unknown, of the wrong type, or out of range
    ├── DataError        a data set's folder, image or label cannot be used
    ├── WeightsError     backbone weights are missing or do not fit
    ├── CacheError       a cached bank or neighbour table is damaged or cannot be written
    ├── CheckpointError  a checkpoint is damaged or belongs to another run
    ├── LogError         a log's package is missing, or it cannot be written
    └── FigureError      a figure's package is missing, or it cannot be drawn or written
"""

__all__ = [
    "CacheError",
    "CheckpointError",
    "ConfigError",
    "DataError",
    "FigureError",
    "LogError",
    "TrainerError",
    "WeightsError",
    "in_one_line",
]


class TrainerError(ValueError):
    """Something a user can mend; the message says how."""


class ConfigError(TrainerError):
    """A setting is unknown, of the wrong type, or out of range."""


class DataError(TrainerError):
    """A data set's folder, image or label cannot be used."""


class WeightsError(TrainerError):
    """Backbone weights are missing or do not fit the architecture."""


class CacheError(TrainerError):
    """A cached feature cache or neighbour table is damaged or cannot be written."""


class CheckpointError(TrainerError):
    """A checkpoint is damaged or belongs to another run."""


class LogError(TrainerError):
    """A log's package is missing, or it cannot be opened or written."""


class FigureError(TrainerError):
    """A figure's package is missing, or it cannot be drawn or written."""


def in_one_line(given: str) -> str:
    """A text as it was given, unless that would break a message's line."""
    return given if given.isprintable() else repr(given)
