"""What a method is to the training loop: it declares what it needs and gives loss and codes.

Letters of shapes: ``docs/architecture.md``.

The loop never asks which method it runs. A method holds no tensors: parameters, buffers,
batch, hyper-parameters and draws all come from outside, each with a leading slot axis. What it
declares beforehand, its options and hyper-parameters, is in ``trainer/methods/entry.py``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from trainer.losses.draws import StepDraws
from trainer.nn.parameters import Layout, Views

__all__ = ["Batch", "Method", "Needs", "Stages", "StepTerms"]


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a method draws and reads each step."""

    #: Whether each anchor crop comes with one of its nearest neighbours.
    partners: bool
    #: Maps whose points are compared, each with coordinates and permutations of its own.
    maps: int
    #: Dropout masks over the feature channels of every crop.
    masks: int


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The frozen features of one step."""

    #: Features with shape (S, M, N, T, C): the anchors, then their partners.
    tokens_SMNTC: Tensor
    #: Tokens down and across (H, W).
    grid: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class StepTerms:
    """What a method makes of a batch."""

    #: Loss terms by name, each with shape (S,); the loss is their sum.
    terms: Mapping[str, Tensor]
    #: Shared code of the anchors with shape (S, B, T, K), for the probes.
    codes_SBTK: Tensor
    #: Buffers after the step.
    buffers: Views


@dataclass(frozen=True, kw_only=True)
class Stages:
    """Maps on the way from features to codes, of one slot and without dropout, for pictures."""

    #: What each modality's own network gives, shape (N, T, C), by modality; empty without such.
    specific: Mapping[str, Tensor]
    #: The fused map with shape (N, T, C).
    fused_NTC: Tensor
    #: The shared code with shape (N, T, K).
    code_NTK: Tensor
    #: Codes that harmonisers make of it, shape (N, T, K), by modality; empty without such.
    harmonised: Mapping[str, Tensor]


class Method(Protocol):
    """One configured method."""

    @property
    def needs(self) -> Needs:
        """What it draws and reads each step."""

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of its loss terms."""

    @property
    def parameters(self) -> Layout:
        """Its learnt numbers."""

    @property
    def buffers(self) -> Layout:
        """Its numbers that are moved but not learnt, such as running statistics."""

    def step(
        self,
        parameters: Views,
        buffers: Views,
        batch: Batch,
        hyper: Mapping[str, Tensor],
        draws: StepDraws,
    ) -> StepTerms:
        """Loss terms, codes and moved buffers of one batch: a pure function.

        ``hyper`` has a tensor with shape (S,) for each of the method's ``step_values``.
        """

    def encode(self, parameters: Views, buffers: Views, tokens_SMNTC: Tensor) -> Tensor:
        """Shared code with shape (S, N, T, K), without dropout."""

    def stages(self, parameters: Views, buffers: Views, tokens_1MNTC: Tensor) -> Stages:
        """What a slot makes of features on the way to its codes."""
