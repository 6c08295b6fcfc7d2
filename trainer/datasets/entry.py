"""What the table of data sets holds: how one is opened, and the options it declares."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trainer.config.configuration import DataConfig
from trainer.datasets.base import DataSet

__all__ = ["DataSetEntry"]


@dataclass(frozen=True, kw_only=True)
class DataSetEntry:
    """A data set before it is configured."""

    #: Opens it as configured: finds its images and splits them; decodes none.
    open: Callable[[DataConfig], DataSet]
    #: Record of its table ``[data.options]``, a frozen dataclass; None without options or where
    #: its files declare them. A protocol sets those of its options that the record has.
    options: type[Any] | None = None
