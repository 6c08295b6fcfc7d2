"""Where the named tensors of a slot are in its rows, in memory and as they are stored."""

from dataclasses import dataclass

from torch import Tensor

from trainer.methods.base import Method
from trainer.nn.parameters import Layout
from trainer.scoring.probes import probe_layout

__all__ = ["SlotLayouts"]

#: Fields of the optimiser's state that do not have one number per parameter.
SCALARS = ("steps_S1",)


@dataclass(frozen=True, kw_only=True)
class SlotLayouts:
    """The layouts of the rows in memory, with gaps."""

    #: Of the model's parameters.
    parameters: Layout
    #: Of the parameters of both probes.
    probes: Layout
    #: Of the method's buffers.
    buffers: Layout

    @classmethod
    def of(cls, method: Method, *, classes: int) -> "SlotLayouts":
        """The layouts of a method and its probes.

        Args:
            method: The method that is trained.
            classes: Classes of the data set.
        """
        probes = probe_layout(
            code_dim=method.code_dim,
            classes=classes,
            extra_clusters=method.needs.extra_clusters,
        )
        return cls(
            parameters=method.parameters.spaced(),
            probes=probes.spaced(),
            buffers=method.buffers.spaced(),
        )

    def by_purpose(self) -> dict[str, Layout]:
        """The layouts by the purpose for which their initial numbers are drawn."""
        return {
            "parameters": self.parameters,
            "probes": self.probes,
            "buffers": self.buffers,
        }

    def stored(self, name: str, row: Tensor) -> Tensor:
        """A copy of a row as a checkpoint holds it.

        Args:
            name: The row's name in a checkpoint.
            row: One slot's row, with gaps.
        """
        layout = self._of_row(name)
        return row.clone() if layout is None else layout.stored(row[None])[0]

    def loaded(self, name: str, stored: Tensor) -> Tensor:
        """The inverse of :meth:`stored`: a row in memory."""
        layout = self._of_row(name)
        return stored if layout is None else layout.loaded(stored[None])[0]

    def _of_row(self, name: str) -> Layout | None:
        """The layout of a row; None for rows of other numbers than parameters and buffers."""
        part, _, field = name.partition(".")
        layouts = {"model": self.parameters, "probes": self.probes, "buffers": self.buffers}
        return None if field in SCALARS else layouts.get(part)
