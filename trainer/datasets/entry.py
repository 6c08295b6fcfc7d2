"""Entry in the table of data sets: how one is opened, and the options it declares."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trainer.config.configuration import DataConfig
from trainer.datasets.base import DataSet

__all__ = ["DataSetEntry"]


@dataclass(frozen=True, kw_only=True)
class DataSetEntry:
    """A data set before it is configured."""

    #: Opens the configured data set: finds its images and splits them, without decoding any.
    open: Callable[[DataConfig], DataSet]
    #: Record of its table ``[data.options]``, a frozen dataclass; None if it has no options or its
    #: files declare them. A protocol sets only options that the record has.
    options: type[Any] | None = None
