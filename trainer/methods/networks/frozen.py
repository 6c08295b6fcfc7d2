"""The unchanged frozen features: only the probes that read them are trained.

Letters of shapes: ``docs/architecture.md``.
"""

from collections.abc import Mapping

from torch import Tensor

from trainer.losses.draws import StepDraws
from trainer.methods.base import Batch, IntermediateMaps, Needs, Sample, StepTerms
from trainer.methods.kmeans import KMeansOptions
from trainer.nn.parameters import Entry, Layout, Views

__all__ = ["Frozen"]

MEAN = "mean"


class Frozen:
    """Features for the probes; implements ``trainer.methods.base.Method``."""

    def __init__(
        self, options: KMeansOptions, *, modalities: tuple[str, ...], channels: int
    ) -> None:
        self._options, self._modalities, self._channels = options, modalities, channels
        mean = Entry(name=MEAN, shape=(channels,), initial="constant", scale=0.0)
        self._buffers = Layout(entries=(mean,) if options.centre else ())

    @property
    def code_dim(self) -> int:
        """The number of feature channels."""
        return self._channels

    @property
    def needs(self) -> Needs:
        """Only queries; the code never changes, so it can be clustered at once."""
        return Needs(positives=False, maps=0, masks=0, clustered_start=True)

    @property
    def terms(self) -> tuple[str, ...]:
        """None."""
        return ()

    @property
    def parameters(self) -> Layout:
        """None."""
        return Layout(entries=())

    @property
    def buffers(self) -> Layout:
        """The mean feature of the train split, if it is subtracted."""
        return self._buffers

    def start(self, parameters: Views, buffers: Views, sample: Sample) -> tuple[Views, Views]:
        """Compute the mean feature."""
        if not self._options.centre:
            return parameters, buffers
        mean_C = self._joined(sample()).double().mean(dim=(0, 1, 2))
        return parameters, {MEAN: mean_C.to(buffers[MEAN].dtype).expand_as(buffers[MEAN])}

    def step(
        self,
        parameters: Views,
        buffers: Views,
        batch: Batch,
        hyper: Mapping[str, Tensor],
        draws: StepDraws,
    ) -> StepTerms:
        """The features of the queries, and no loss."""
        del hyper
        codes_SNTK = self.encode(parameters, buffers, batch.tokens_SMNTC)
        return StepTerms(terms={}, codes_SBTK=codes_SNTK[:, : draws.batch], buffers=buffers)

    def encode(self, parameters: Views, buffers: Views, tokens_SMNTC: Tensor) -> Tensor:
        """The features with shape (S, N, T, C)."""
        del parameters
        joined_SNTC = self._joined(tokens_SMNTC)
        return joined_SNTC - buffers[MEAN][:, None, None] if buffers else joined_SNTC

    def intermediate_maps(
        self, parameters: Views, buffers: Views, tokens_1MNTC: Tensor
    ) -> IntermediateMaps:
        """See :class:`~trainer.methods.base.Method`."""
        code_1NTK = self.encode(parameters, buffers, tokens_1MNTC)
        fused_1NTC = self._joined(tokens_1MNTC)
        return IntermediateMaps(fused_NTC=fused_1NTC[0], code_NTK=code_1NTK[0])

    def _joined(self, tokens_SMNTC: Tensor) -> Tensor:
        features = self._options.features
        if features == "mean":
            return tokens_SMNTC.mean(dim=1)
        if features == "sum":
            return tokens_SMNTC.sum(dim=1)
        return tokens_SMNTC[:, self._modalities.index(features)]
