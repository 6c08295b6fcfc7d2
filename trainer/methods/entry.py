"""An entry of the table of methods: its knobs, and where its implementation is."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from trainer.knobs import Knob

if TYPE_CHECKING:
    from trainer.methods.base import MethodClass

__all__ = ["MethodEntry"]


@dataclass(frozen=True, kw_only=True)
class MethodEntry:
    """A method before it is configured."""

    #: ``module:class``, imported by :meth:`load`.
    implementation: str
    #: Of the modalities, the numbers a search may turn, shared where the paper shares them.
    knobs: Callable[[tuple[str, ...]], tuple[Knob, ...]]
    #: Of the modalities, knobs that overrule the shared ones for one modality.
    fine_knobs: Callable[[tuple[str, ...]], tuple[Knob, ...]]

    def load(self) -> "MethodClass":
        """The class that implements it."""
        module, _, name = self.implementation.partition(":")
        method: MethodClass = getattr(import_module(module), name)
        return method
