"""UniM2: one correspondence loss per modality on a shared code and its harmonised copies.

Paper: UMSS: Towards Unsupervised Multimodal Semantic Segmentation (ECCV 2026), Eq. 1 to 9;
described in ``docs/method.md``. Authors' code: Hatins/UniM2 at 08fa082.

Letters of shapes: ``docs/architecture.md``.

With one modality there is no MSN, no fusion and no harmoniser, and the target is the
dropped-out feature map, unless ``method.options.target_dropout`` says otherwise: that is STEGO.
"""

from collections.abc import Mapping

from torch import Tensor

from trainer.losses import PairPoints, cmcs_weights, correspondence
from trainer.losses.draws import StepDraws
from trainer.methods.base import Batch, IntermediateMaps, Needs, Sample, StepTerms
from trainer.methods.networks.identity_start import identity_start
from trainer.methods.networks.target_dropout import TargetDropout
from trainer.methods.settings import MethodSettings
from trainer.methods.unim2 import UniM2Options
from trainer.model import Encoder, Harmoniser, code_head, code_head_entries
from trainer.nn.parameters import Layout, Views

__all__ = ["UniM2"]


class UniM2:
    """UniM2 for given modalities; implements ``trainer.methods.base.Method``."""

    def __init__(
        self,
        config: MethodSettings,
        options: UniM2Options,
        *,
        modalities: tuple[str, ...],
        channels: int,
    ) -> None:
        self._identity, self._code_dim = options.start == "identity", config.code_dim
        self._modalities = modalities
        self._encoder = Encoder(
            modalities=len(modalities),
            channels=channels,
            fusion=config.fusion,
            msn=options.msn,
            residual=options.msn_residual,
            pre_norm=options.pre_norm,
        )
        self._harmoniser = Harmoniser(
            anchors=_anchors(options.anchor, len(modalities)),
            shared=options.cmh == "shared",
            code_dim=config.code_dim,
        )
        self._target_dropout = TargetDropout(
            setting=options.target_dropout, modalities=len(modalities), maps=len(modalities)
        )
        head = code_head_entries(channels=channels, code_dim=config.code_dim)
        self._parameters = Layout(
            entries=self._encoder.entries() + head + self._harmoniser.entries()
        )
        self._buffers = Layout(entries=self._encoder.buffer_entries())

    @property
    def code_dim(self) -> int:
        """As configured."""
        return self._code_dim

    @property
    def needs(self) -> Needs:
        """Positives, a map for each modality, masks for the head and for dropped-out targets."""
        maps = len(self._modalities)
        return Needs(positives=True, maps=maps, masks=self._target_dropout.masks)

    @property
    def terms(self) -> tuple[str, ...]:
        """The modalities: one loss each."""
        return self._modalities

    @property
    def parameters(self) -> Layout:
        """MSN, fusion, code head, harmonisers."""
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
        """Loss of every modality against its own frozen features (CMCS, Eq. 5)."""
        new_buffers = dict(buffers)
        fused_SNTC = self._encoder(
            batch.tokens_SMNTC, parameters, new_buffers, draws.sample_weight_SB
        )
        code_SNTK = code_head(fused_SNTC, parameters, draws.masks_SDNC[:, :2])
        weights_SMJ, biases_SMJ = cmcs_weights(
            hyper, modalities=self._modalities, random_draws=draws.random_draws
        )
        losses_SM = correspondence(
            self._target_dropout.apply(batch.tokens_SMNTC, draws.masks_SDNC),
            self._harmoniser(code_SNTK, parameters),
            PairPoints.of(draws, batch.grid),
            weights_SMJ=weights_SMJ,
            biases_SMJ=biases_SMJ,
        )
        terms = dict(zip(self._modalities, losses_SM.unbind(dim=1), strict=True))
        return StepTerms(terms=terms, codes_SBTK=code_SNTK[:, : draws.batch], buffers=new_buffers)

    def encode(self, parameters: Views, buffers: Views, tokens_SMNTC: Tensor) -> Tensor:
        """Shared code with shape (S, N, T, K), without dropout and from running statistics."""
        fused_SNTC = self._encoder(tokens_SMNTC, parameters, dict(buffers))
        return code_head(fused_SNTC, parameters, None)

    def intermediate_maps(
        self, parameters: Views, buffers: Views, tokens_1MNTC: Tensor
    ) -> IntermediateMaps:
        """See :class:`~trainer.methods.base.Method`."""
        specific_1MNTC = self._encoder.specific(tokens_1MNTC, parameters)
        fused_1NTC = self._encoder(tokens_1MNTC, parameters, dict(buffers))
        code_1NTK = code_head(fused_1NTC, parameters, None)
        codes_MNTK = self._harmoniser(code_1NTK, parameters)[0]
        named = dict(zip(self._modalities, codes_MNTK, strict=True))
        anchors = dict(zip(self._modalities, self._harmoniser.anchors, strict=True))
        return IntermediateMaps(
            specific={}
            if specific_1MNTC is None
            else dict(zip(self._modalities, specific_1MNTC[0], strict=True)),
            fused_NTC=fused_1NTC[0],
            code_NTK=code_1NTK[0],
            harmonised={name: code for name, code in named.items() if not anchors[name]},
        )


def _anchors(anchor: str, modalities: int) -> tuple[bool, ...]:
    """Which modalities use the shared code itself; with one modality, that one does."""
    first, others = {
        "first": (True, False),
        "auxiliary": (False, True),
        "both": (True, True),
        "none": (False, False),
    }[anchor if modalities > 1 else "both"]
    return (first, *[others] * (modalities - 1))
