"""The interface of a method: it declares what it needs and computes loss and codes.

Letters of shapes: ``docs/architecture.md``.

The training loop does not depend on the method. A method holds no tensors: parameters, buffers,
batch, hyper-parameters and draws all come from outside, each with a leading slot axis. What it
declares beforehand, its options and hyper-parameters, is in ``trainer/methods/entry.py``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from trainer.losses.draws import StepDraws
from trainer.methods.feature_map import FeatureMap
from trainer.nn.parameters import Layout, Views

__all__ = ["OWN_CENTRES", "Batch", "IntermediateMaps", "Method", "Needs", "Sample", "StepTerms"]

#: The buffer of a method that finds clusters itself: their centres with shape (S, Y, K), which
#: predict instead of those of the cluster probe.
OWN_CENTRES = "own.centres"

#: Reads features of crops spread over the train split: (1, M, N, T, C), float32, on the CPU.
Sample = Callable[[], Tensor]


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a method draws and reads each step."""

    #: Whether each query comes with a positive: one of its nearest neighbours.
    positives: bool
    #: Maps whose points are compared, each with coordinates and permutations of its own.
    maps: int
    #: Dropout masks over the feature channels of every crop.
    masks: int
    #: Uniform numbers for every token of the queries.
    uniform: int = 0
    #: Clusters of the cluster probe in addition to one for each class.
    extra_clusters: int = 0
    #: Whether the code separates tokens before the first step, so that the cluster probe starts
    #: at K-means of it instead of at random centres.
    clustered_start: bool = False


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The frozen features of one step."""

    #: Features with shape (S, M, N, T, C): the queries, then their positives.
    tokens_SMNTC: Tensor
    #: Tokens down and across (H, W).
    grid: tuple[int, int]
    #: Number of updates that each slot has made, with shape (S,), for schedules.
    iteration_S: Tensor
    #: Number of iterations of the whole run.
    iterations: int
    #: The maps that the method declares, each with shape (S, N, T, channels).
    maps: Mapping[FeatureMap, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StepTerms:
    """The result of a method's step."""

    #: Loss terms by name, each with shape (S,); the loss is their sum.
    terms: Mapping[str, Tensor]
    #: Shared code of the queries with shape (S, B, T, K), for the probes.
    codes_SBTK: Tensor
    #: Buffers after the step.
    buffers: Views
    #: Parameters that keep their values in this step, by name: which slots, shape (S,). All
    #: others, and those of other slots, are updated.
    still: Views = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class IntermediateMaps:
    """Maps between features and codes, for one slot and without dropout, for figures."""

    #: The fused map with shape (N, T, C).
    fused_NTC: Tensor
    #: The shared code with shape (N, T, K).
    code_NTK: Tensor
    #: Output of each modality's own network, shape (N, T, C), by modality; empty without such.
    specific: Mapping[str, Tensor] = field(default_factory=dict)
    #: Output of the harmonisers, shape (N, T, K), by modality; empty without such.
    harmonised: Mapping[str, Tensor] = field(default_factory=dict)
    #: Maps of the method's own, shape (N, T, channels), by what figures call them.
    others: Mapping[str, Tensor] = field(default_factory=dict)


class Method(Protocol):
    """One configured method."""

    @property
    def code_dim(self) -> int:
        """Width K of its code."""

    @property
    def needs(self) -> Needs:
        """What it draws and reads each step."""

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of its loss terms."""

    @property
    def parameters(self) -> Layout:
        """Its trained numbers."""

    @property
    def buffers(self) -> Layout:
        """Its numbers that are updated without a gradient, such as running statistics.

        One named :data:`OWN_CENTRES` predicts instead of the cluster probe.
        """

    def start(self, parameters: Views, buffers: Views, sample: Sample) -> tuple[Views, Views]:
        """What a slot starts from, on the CPU: the drawn numbers given, or others.

        Whatever replaces them depends on the drawn numbers and the sample alone.
        """

    def step(
        self,
        parameters: Views,
        buffers: Views,
        batch: Batch,
        hyper: Mapping[str, Tensor],
        draws: StepDraws,
    ) -> StepTerms:
        """Loss terms, codes and updated buffers of one batch: a pure function.

        ``hyper`` has a tensor with shape (S,) for each of the method's ``step_values``.
        """

    def encode(self, parameters: Views, buffers: Views, tokens_SMNTC: Tensor) -> Tensor:
        """Shared code with shape (S, N, T, K), without dropout."""

    def intermediate_maps(
        self, parameters: Views, buffers: Views, tokens_1MNTC: Tensor
    ) -> IntermediateMaps:
        """Maps between the features and the codes of one slot."""
