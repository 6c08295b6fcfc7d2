"""What slots train: tensors with a row per slot. Some of the rows can be taken, and put back.

Letters of shapes: ``docs/architecture.md``, and L loss terms.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.engine.optimiser import AdamState

__all__ = ["SlotRows"]


@dataclass(frozen=True, kw_only=True)
class SlotRows:
    """The rows of S slots."""

    #: Parameters of the model and their optimiser.
    model: AdamState
    #: The same for the probes.
    probes: AdamState
    #: The method's buffers with shape (S, P).
    buffers_SP: Tensor
    #: Sum of the losses since the last report with shape (S,), float64.
    loss_sum_S: Tensor
    #: The same for each loss term with shape (S, L), float64.
    term_sums_SL: Tensor
    #: Whether all updates since the last report were finite, with shape (S,).
    finite_S: Tensor
    #: What the method's step reads, by name, each with shape (S,).
    hyper: Mapping[str, Tensor]
    #: Learning rates of the model and of the probes with shape (S, 1).
    rate_S1: Tensor
    probe_rate_S1: Tensor

    @classmethod
    def fresh(
        cls, model: AdamState, probes: AdamState, buffers_SP: Tensor, *, terms: int
    ) -> "SlotRows":
        """Rows before the first step, without hyper-parameters and with learning rates of 0."""
        count = len(buffers_SP)
        return cls(
            model=model,
            probes=probes,
            buffers_SP=buffers_SP,
            loss_sum_S=buffers_SP.new_zeros(count, dtype=torch.float64),
            term_sums_SL=buffers_SP.new_zeros(count, terms, dtype=torch.float64),
            finite_S=buffers_SP.new_ones(count, dtype=torch.bool),
            hyper={},
            rate_S1=buffers_SP.new_zeros(count, 1),
            probe_rate_S1=buffers_SP.new_zeros(count, 1),
        )

    def stored(self) -> dict[str, Tensor]:
        """The rows that a checkpoint holds, by their names there."""
        rows = {
            "buffers": self.buffers_SP,
            "loss_sum": self.loss_sum_S,
            "term_sums": self.term_sums_SL,
        }
        for prefix, state in (("model", self.model), ("probes", self.probes)):
            for field in dataclasses.fields(state):
                rows[f"{prefix}.{field.name}"] = getattr(state, field.name)
        return rows | {"finite": self.finite_S}

    def take(self, slots_S: Tensor) -> "SlotRows":
        """Copies of some rows.

        Args:
            slots_S: Their slots, on the device.
        """
        return self._changed(lambda rows: rows.index_select(0, slots_S))

    def put(self, slots_S: Tensor, trained: "SlotRows") -> None:
        """Write trained rows, and what :meth:`stored` has of them, back to their slots."""
        new = trained.stored()
        for name, rows in self.stored().items():
            rows.index_copy_(0, slots_S, new[name])

    def _changed(self, change: Callable[[Tensor], Tensor]) -> "SlotRows":
        return SlotRows(
            model=_changed_state(self.model, change),
            probes=_changed_state(self.probes, change),
            buffers_SP=change(self.buffers_SP),
            loss_sum_S=change(self.loss_sum_S),
            term_sums_SL=change(self.term_sums_SL),
            finite_S=change(self.finite_S),
            hyper={name: change(values) for name, values in self.hyper.items()},
            rate_S1=change(self.rate_S1),
            probe_rate_S1=change(self.probe_rate_S1),
        )


def _changed_state(state: AdamState, change: Callable[[Tensor], Tensor]) -> AdamState:
    return AdamState(
        leaf_SP=change(state.leaf_SP),
        first_SP=change(state.first_SP),
        second_SP=change(state.second_SP),
        steps_S1=change(state.steps_S1),
    )
