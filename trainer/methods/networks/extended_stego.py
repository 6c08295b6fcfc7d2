"""Base of methods that train STEGO on maps made from the features, with one more loss.

Letters of shapes: ``docs/architecture.md``.
"""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor

from trainer.losses.draws import StepDraws
from trainer.methods.base import Batch, IntermediateMaps, Needs, Sample, StepTerms
from trainer.methods.networks.stego import Stego
from trainer.methods.settings import MethodSettings
from trainer.methods.stego import StegoOptions
from trainer.nn.parameters import Entry, Layout, Views

__all__ = ["ExtendedStego"]


class ExtendedStego(ABC):
    """STEGO on other maps; methods based on it define the maps and add a loss in ``step``."""

    def __init__(
        self,
        config: MethodSettings,
        *,
        modalities: tuple[str, ...],
        channels: int,
        term: str,
        before: tuple[Entry, ...] = (),
    ) -> None:
        """Set up STEGO.

        Args:
            config: Settings that all methods share.
            modalities: Those that STEGO encodes.
            channels: Number C of feature channels.
            term: Name of the additional loss.
            before: Parameters of the method, which precede STEGO's.
        """
        self._stego = Stego(config, StegoOptions(), modalities=modalities, channels=channels)
        self._term = term
        self._parameters = Layout(entries=before + self._stego.parameters.entries)

    @abstractmethod
    def _encoded(self, tokens_SMNTC: Tensor, parameters: Views) -> Tensor:
        """The maps that STEGO reads, one for each modality that it encodes."""

    @property
    def code_dim(self) -> int:
        """As configured."""
        return self._stego.code_dim

    @property
    def needs(self) -> Needs:
        """Like STEGO."""
        return self._stego.needs

    @property
    def terms(self) -> tuple[str, ...]:
        """STEGO's, and the additional one."""
        return (*self._stego.terms, self._term)

    @property
    def parameters(self) -> Layout:
        """The method's own, fusion and code head."""
        return self._parameters

    @property
    def buffers(self) -> Layout:
        """Running statistics of the ladder fusion."""
        return self._stego.buffers

    def start(self, parameters: Views, buffers: Views, sample: Sample) -> tuple[Views, Views]:
        """The initial numbers, unchanged."""
        del sample
        return parameters, buffers

    def encode(self, parameters: Views, buffers: Views, tokens_SMNTC: Tensor) -> Tensor:
        """Shared code with shape (S, N, T, K), without dropout and from running statistics."""
        return self._stego.encode(parameters, buffers, self._encoded(tokens_SMNTC, parameters))

    def intermediate_maps(
        self, parameters: Views, buffers: Views, tokens_1MNTC: Tensor
    ) -> IntermediateMaps:
        """See :class:`~trainer.methods.base.Method`."""
        encoded_1MNTC = self._encoded(tokens_1MNTC, parameters)
        return self._stego.intermediate_maps(parameters, buffers, encoded_1MNTC)

    def _stego_step(
        self,
        parameters: Views,
        buffers: Views,
        batch: Batch,
        hyper: Mapping[str, Tensor],
        draws: StepDraws,
    ) -> tuple[StepTerms, Tensor]:
        """STEGO's step, and the maps on which it was made."""
        encoded_SMNTC = self._encoded(batch.tokens_SMNTC, parameters)
        encoded = dataclasses.replace(batch, tokens_SMNTC=encoded_SMNTC)
        return self._stego.step(parameters, buffers, encoded, hyper, draws), encoded_SMNTC

    def _with_loss(self, made: StepTerms, loss_S: Tensor) -> StepTerms:
        """STEGO's step with the additional loss, weighted."""
        return dataclasses.replace(made, terms={**made.terms, self._term: loss_S})
