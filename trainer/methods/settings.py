"""The settings that a method reads; ``trainer/config/configuration.py`` has the records.

Methods declare here which settings they need, so that they need not import the configuration.
"""

from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["DataSettings", "MethodSettings", "RunSettings"]


class MethodSettings(Protocol):
    """The table ``[method]``."""

    @property
    def name(self) -> str:
        """Name in the method table."""

    @property
    def fusion(self) -> str:
        """How the maps of the modalities are fused into one."""

    @property
    def code_dim(self) -> int:
        """Number of channels of the code."""

    @property
    def options(self) -> Any:
        """The record of the method's own options."""


class DataSettings(Protocol):
    """The table ``[data]``."""

    @property
    def modalities(self) -> tuple[str, ...]:
        """Modalities, the first one before its auxiliaries."""


class RunSettings(Protocol):
    """A run's configuration."""

    @property
    def method(self) -> MethodSettings:
        """The table ``[method]``."""

    @property
    def data(self) -> DataSettings:
        """The table ``[data]``."""

    @property
    def hyper(self) -> Mapping[str, float]:
        """Values of hyper-parameters by name; others have their defaults."""
