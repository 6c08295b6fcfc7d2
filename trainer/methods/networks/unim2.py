"""UniM2: one correspondence loss per modality on a shared code and its harmonised copies.

Paper: UMSS: Towards Unsupervised Multimodal Semantic Segmentation (ECCV 2026), Eq. 1 to 9;
described in ``docs/method.md``. Authors' code: Hatins/UniM2 at 08fa082.

Letters of shapes: ``docs/architecture.md``.

With one modality there is no MSN, no fusion and no harmoniser, and the target is the feature map
after dropout, unless ``method.options.target_dropout`` says otherwise. This equals STEGO.
"""

import dataclasses
from collections.abc import Mapping

from torch import Tensor

from trainer.losses import PairPoints, cmcs_weights, correspondence
from trainer.losses.draws import StepDraws
from trainer.methods.base import Batch, IntermediateMaps, Needs, StepTerms
from trainer.methods.networks.shared_code import SharedCode
from trainer.methods.networks.target_dropout import TargetDropout
from trainer.methods.settings import MethodSettings
from trainer.methods.unim2 import UniM2Options
from trainer.model import Encoder, Harmoniser
from trainer.nn.parameters import Views

__all__ = ["UniM2"]


class UniM2(SharedCode):
    """UniM2 for given modalities; implements ``trainer.methods.base.Method``."""

    def __init__(
        self,
        config: MethodSettings,
        options: UniM2Options,
        *,
        modalities: tuple[str, ...],
        channels: int,
    ) -> None:
        self._modalities = modalities
        encoder = Encoder(
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
        super().__init__(
            encoder,
            code_dim=config.code_dim,
            start=options.start,
            further=self._harmoniser.entries(),
        )

    @property
    def needs(self) -> Needs:
        """Positives, one map per modality, and masks for the head and for the targets."""
        maps = len(self._modalities)
        return Needs(
            positives=True,
            maps=maps,
            masks=self._target_dropout.masks,
            clustered_start=self.starts_at_features,
        )

    @property
    def terms(self) -> tuple[str, ...]:
        """One loss per modality."""
        return self._modalities

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
        _, code_SNTK = self._trained(parameters, new_buffers, batch.tokens_SMNTC, draws)
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

    def intermediate_maps(
        self, parameters: Views, buffers: Views, tokens_1MNTC: Tensor
    ) -> IntermediateMaps:
        """See :class:`~trainer.methods.base.Method`."""
        maps = super().intermediate_maps(parameters, buffers, tokens_1MNTC)
        specific_1MNTC = self._encoder.specific(tokens_1MNTC, parameters)
        codes_MNTK = self._harmoniser(maps.code_NTK.unsqueeze(0), parameters)[0]
        named = dict(zip(self._modalities, codes_MNTK, strict=True))
        anchors = dict(zip(self._modalities, self._harmoniser.anchors, strict=True))
        return dataclasses.replace(
            maps,
            specific={}
            if specific_1MNTC is None
            else dict(zip(self._modalities, specific_1MNTC[0], strict=True)),
            harmonised={name: code for name, code in named.items() if not anchors[name]},
        )


def _anchors(anchor: str, modalities: int) -> tuple[bool, ...]:
    """Which modalities use the shared code itself; a single modality does."""
    first, others = {
        "first": (True, False),
        "auxiliary": (False, True),
        "both": (True, True),
        "none": (False, False),
    }[anchor if modalities > 1 else "both"]
    return (first, *[others] * (modalities - 1))
