"""STEGO: one correspondence loss on the code of one feature map.

Paper: Unsupervised Semantic Segmentation by Distilling Feature Correspondences (Hamilton et
al., ICLR 2022), Eq. 1 to 4. Authors' code: mhamilton723/STEGO at eb4d6b5.

Letters of shapes: ``docs/architecture.md``.

For several modalities, which its authors do not define, the raw features are fused: no MSN, no
normalisation, no harmoniser. The target is then the detached fused map; a trained fusion gets its
gradient only through the code. With one modality the target is the feature map after dropout,
unless ``method.options.target_dropout`` says otherwise.
"""

from collections.abc import Mapping

from torch import Tensor

from trainer.losses import PairPoints, correspondence, pair_weights
from trainer.losses.draws import StepDraws
from trainer.methods.base import Batch, Needs, StepTerms
from trainer.methods.networks.shared_code import SharedCode
from trainer.methods.networks.target_dropout import TargetDropout
from trainer.methods.settings import MethodSettings
from trainer.methods.stego import StegoOptions
from trainer.model import Encoder
from trainer.nn.parameters import Views

__all__ = ["Stego"]


class Stego(SharedCode):
    """STEGO on one map; implements ``trainer.methods.base.Method``."""

    def __init__(
        self,
        config: MethodSettings,
        options: StegoOptions,
        *,
        modalities: tuple[str, ...],
        channels: int,
    ) -> None:
        self._target_dropout = TargetDropout(
            setting=options.target_dropout, modalities=len(modalities), maps=1
        )
        encoder = Encoder(modalities=len(modalities), channels=channels, fusion=config.fusion)
        super().__init__(
            encoder,
            code_dim=config.code_dim,
            start=options.start,
        )

    @property
    def needs(self) -> Needs:
        """Positives, one map, and masks for the head and for the dropout of the target."""
        return Needs(
            positives=True,
            maps=1,
            masks=self._target_dropout.masks,
            clustered_start=self.starts_at_features,
        )

    @property
    def terms(self) -> tuple[str, ...]:
        """One."""
        return ("correspondence",)

    def step(
        self,
        parameters: Views,
        buffers: Views,
        batch: Batch,
        hyper: Mapping[str, Tensor],
        draws: StepDraws,
    ) -> StepTerms:
        """Loss of the code against the map from which it is computed."""
        new_buffers = dict(buffers)
        fused_SNTC, code_SNTK = self._trained(parameters, new_buffers, batch.tokens_SMNTC, draws)
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
