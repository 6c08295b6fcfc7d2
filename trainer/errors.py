"""Errors that a user of the trainer can cause and fix.

Every message is one line: what was given, which rule it breaks, how to fix it. Assertions are for
our own invariants::

    TrainerError
    ├── ConfigError      a setting is unknown, of the wrong type, or out of range
    ├── DataError        a data set's folder, image or label cannot be used
    ├── WeightsError     backbone weights are missing or do not fit
    ├── CacheError       the feature cache is damaged or cannot be written
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
    """An error that a user can fix; the message says how."""


class ConfigError(TrainerError):
    """A setting is unknown, of the wrong type, or out of range."""


class DataError(TrainerError):
    """A data set's folder, image or label cannot be used."""


class WeightsError(TrainerError):
    """Backbone weights are missing or do not fit the architecture."""


class CacheError(TrainerError):
    """The feature cache is damaged or cannot be written."""


class CheckpointError(TrainerError):
    """A checkpoint is damaged or belongs to another run."""


class LogError(TrainerError):
    """A log's package is missing, or it cannot be opened or written."""


class FigureError(TrainerError):
    """A figure's package is missing, or it cannot be drawn or written."""


def in_one_line(given: str) -> str:
    """The text itself, or its ``repr`` if it would break a message into several lines."""
    return given if given.isprintable() else repr(given)
