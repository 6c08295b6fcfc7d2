"""STEGO: one correspondence loss on the code of one feature map.

Paper: Unsupervised Semantic Segmentation by Distilling Feature Correspondences (Hamilton et
al., ICLR 2022), Eq. 1 to 4. Authors' code: mhamilton723/STEGO at eb4d6b5.

Letters of shapes: ``docs/architecture.md``.

Several modalities, which its authors do not define, are fused raw: no MSN, no normalisation,
no harmoniser. The target is then the fused map, detached; a trained fusion gets its gradient
through the code alone. With one modality the target is the dropped-out feature map, unless
``method.options.target_dropout`` says otherwise.
"""

from collections.abc import Mapping

from torch import Tensor

from trainer.losses import PairPoints, correspondence, pair_weights
from trainer.losses.draws import StepDraws
from trainer.methods.base import Batch, IntermediateMaps, Needs, Sample, StepTerms
from trainer.methods.networks.identity_start import identity_start
from trainer.methods.networks.target_dropout import TargetDropout
from trainer.methods.settings import MethodSettings
from trainer.methods.stego import StegoOptions
from trainer.model import Encoder, code_head, code_head_entries
from trainer.nn.parameters import Layout, Views

__all__ = ["Stego"]


class Stego:
    """STEGO on one map; implements ``trainer.methods.base.Method``."""

    def __init__(
        self,
        config: MethodSettings,
        options: StegoOptions,
        *,
        modalities: tuple[str, ...],
        channels: int,
    ) -> None:
        self._identity, self._code_dim = options.start == "identity", config.code_dim
        self._target_dropout = TargetDropout(
            setting=options.target_dropout, modalities=len(modalities), maps=1
        )
        self._encoder = Encoder(
            modalities=len(modalities),
            channels=channels,
            fusion=config.fusion,
            msn=False,
            residual=False,
            pre_norm="none",
        )
        head = code_head_entries(channels=channels, code_dim=config.code_dim)
        self._parameters = Layout(entries=self._encoder.entries() + head)
        self._buffers = Layout(entries=self._encoder.buffer_entries())

    @property
    def code_dim(self) -> int:
        """As configured."""
        return self._code_dim

    @property
    def needs(self) -> Needs:
        """Positives, one map, masks for the head and for a dropped-out target."""
        return Needs(positives=True, maps=1, masks=self._target_dropout.masks)

    @property
    def terms(self) -> tuple[str, ...]:
        """One."""
        return ("correspondence",)

    @property
    def parameters(self) -> Layout:
        """Fusion and code head."""
        return self._parameters

    @property
    def buffers(self) -> Layout:
        """Running statistics of the ladder fusion."""
        return self._buffers

    def start(self, parameters: Views, buffers: Views, sample: Sample) -> tuple[Views, Views]:
        """As drawn, or at the principal components of the frozen features."""
        if not self._identity:
            return parameters, buffers
        return identity_start(self._encoder, parameters, buffers, sample()), buffers

    def step(
        self,
        parameters: Views,
        buffers: Views,
        batch: Batch,
        hyper: Mapping[str, Tensor],
        draws: StepDraws,
    ) -> StepTerms:
        """Loss of the code against the map it is computed from."""
        new_buffers = dict(buffers)
        fused_SNTC = self._encoder(
            batch.tokens_SMNTC, parameters, new_buffers, draws.sample_weight_SB
        )
        code_SNTK = code_head(fused_SNTC, parameters, draws.masks_SDNC[:, :2])
        target_S1NTC = fused_SNTC.detach().unsqueeze(1)
        weights_SMJ, biases_SMJ = pair_weights(hyper, random_draws=draws.random_draws)
        losses_SM = correspondence(
            self._target_dropout.apply(target_S1NTC, draws.masks_SDNC),
            code_SNTK.unsqueeze(1),
            PairPoints.of(draws, batch.grid),
            weights_SMJ=weights_SMJ,
            biases_SMJ=biases_SMJ,
        )
        return StepTerms(
            terms=dict(zip(self.terms, losses_SM.unbind(dim=1), strict=True)),
            codes_SBTK=code_SNTK[:, : draws.batch],
            buffers=new_buffers,
        )

    def encode(self, parameters: Views, buffers: Views, tokens_SMNTC: Tensor) -> Tensor:
        """Shared code with shape (S, N, T, K), without dropout and from running statistics."""
        fused_SNTC = self._encoder(tokens_SMNTC, parameters, dict(buffers))
        return code_head(fused_SNTC, parameters, None)

    def intermediate_maps(
        self, parameters: Views, buffers: Views, tokens_1MNTC: Tensor
    ) -> IntermediateMaps:
        """See :class:`~trainer.methods.base.Method`."""
        fused_1NTC = self._encoder(tokens_1MNTC, parameters, dict(buffers))
        code_1NTK = code_head(fused_1NTC, parameters, None)
        return IntermediateMaps(
            specific={}, fused_NTC=fused_1NTC[0], code_NTK=code_1NTK[0], harmonised={}
        )
