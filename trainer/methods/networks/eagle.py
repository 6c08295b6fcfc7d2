"""EAGLE: correspondence of a crop and its blurred copy, then contrast between found objects.

Paper: EAGLE: Eigen Aggregation Learning for Object-Centric Unsupervised Semantic Segmentation
(Kim et al., CVPR 2024). Authors' code: MICV-yonsei/EAGLE at 5f2976c; described in
``docs/methods.md``.

Letters of shapes: ``docs/architecture.md``; E eigenvectors, O objects.

Each crop passes through the head three times: as it is, once more with other dropout, which the
authors call its positive, and blurred. The authors' features are attention keys of the last three
blocks (``backbone.output = "keys3"``). For several modalities, which they do not define, the maps
are fused as in STEGO; colours are those of the first modality.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.errors import ConfigError
from trainer.losses.adaptive_correspondence import adaptive_correspondence
from trainer.losses.draws import StepDraws
from trainer.losses.eicue import eigenvectors, object_clusters
from trainer.losses.object_contrast import object_contrast, token_weights
from trainer.losses.sampling import reading_weights
from trainer.methods.base import Batch, Needs, StepTerms
from trainer.methods.eagle import EagleOptions, blurred_maps
from trainer.methods.entry import Inputs
from trainer.methods.feature_map import colour_map
from trainer.methods.networks.shared_code import SharedCode
from trainer.methods.settings import MethodSettings
from trainer.model import Encoder, code_head
from trainer.nn.linear import linear
from trainer.nn.parameters import Entry, Group, Views, linear_entries
from trainer.nn.unit import unit

__all__ = ["Eagle"]

PROJECTOR = "projector"
TABLES = ("table.plain", "table.blurred")
EPSILON = 1e-12  # smallest length by which projected codes are divided
PASSES = 3
HEAD_MASKS = 2 * PASSES  # then one for the features of each pass
RANDOM = 2  # place of the first random crop among the groups of pairs


@dataclass(frozen=True, kw_only=True)
class _Pass:
    """One pass of the queries."""

    #: Frozen features that codes are compared with, (S, B, T, C), without gradient.
    target_SBTC: Tensor
    code_SBTK: Tensor

    def read(
        self, slot: int, reading_BQT: Tensor, *, crops_B: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Features (B, Q, C) and codes (B, Q, K) of a slot at points of its crops, or of others.

        Args:
            slot: The slot.
            reading_BQT: Weight of every token at each point.
            crops_B: The crop that each one is replaced with.
        """
        every_B = torch.arange(len(reading_BQT), device=reading_BQT.device)
        chosen_B = every_B if crops_B is None else crops_B
        target_BQC, code_BQK = (
            torch.bmm(reading_BQT, each[slot][chosen_B])
            for each in (self.target_SBTC, self.code_SBTK)
        )
        return target_BQC, code_BQK


class Eagle(SharedCode):
    """EAGLE on one map; implements ``trainer.methods.base.Method``."""

    def __init__(self, config: MethodSettings, options: EagleOptions, inputs: Inputs) -> None:
        self._options, self._single = options, len(inputs.modalities) == 1
        self._blurred = blurred_maps(inputs.modalities)
        self._colours = colour_map(inputs.modalities)
        self._objects = inputs.classes + options.extra_objects
        encoder = Encoder(
            modalities=len(inputs.modalities), channels=inputs.channels, fusion=config.fusion
        )
        width, group = config.code_dim, Group(rate=options.table_rate)
        shape = (self._objects, options.eigenvectors)
        tables = tuple(
            Entry(name=name, shape=shape, initial="normal", scale=1.0, group=group)
            for name in TABLES
        )
        super().__init__(
            encoder,
            code_dim=width,
            further=(*linear_entries(PROJECTOR, inputs=width, outputs=width), *tables),
        )

    @property
    def needs(self) -> Needs:
        """Queries, three sets of points, and masks for the head and the features of each pass."""
        return Needs(
            positives=False,
            maps=2,
            masks=HEAD_MASKS + PASSES,
            extra_clusters=self._options.extra_clusters,
        )

    @property
    def terms(self) -> tuple[str, ...]:
        """Correspondence, contrast between objects, and the tables of objects."""
        return ("correspondence", "objects", "eicue")

    def step(
        self,
        parameters: Views,
        buffers: Views,
        batch: Batch,
        hyper: Mapping[str, Tensor],
        draws: StepDraws,
    ) -> StepTerms:
        """The three terms; contrast between objects counts later than correspondence.

        Raises:
            ConfigError: If a crop has too few tokens for the eigenvectors.
        """
        self._check_tokens(batch.tokens_SMNTC.shape[3])
        new_buffers = dict(buffers)
        blurred_SMBTC = torch.stack([batch.maps[each] for each in self._blurred], dim=1)
        given = (batch.tokens_SMNTC, batch.tokens_SMNTC, blurred_SMBTC)
        aside = [
            new_buffers,
            dict(buffers),
            dict(buffers),
        ]  # running statistics of the first count
        passes = [
            self._pass(parameters, aside[number], tokens, draws, number)
            for number, tokens in enumerate(given)
        ]
        eicue_S2, objects_2SBT = self._found_objects(parameters, batch, passes, draws)
        share_S = self._options.limit * (batch.iteration_S >= self._options.objects_from)
        contrast_S = self._contrast(parameters, passes, objects_2SBT, draws)
        correspondence_S = self._correspondence(passes, batch, hyper, draws)
        terms = (
            (1 - share_S) * correspondence_S,
            share_S * hyper["lambda_objects"] * contrast_S,
            eicue_S2.mean(dim=1),
        )
        return StepTerms(
            terms=dict(zip(self.terms, terms, strict=True)),
            codes_SBTK=passes[0].code_SBTK,
            buffers=new_buffers,
        )

    def _check_tokens(self, tokens: int) -> None:
        least = self._options.eigenvectors + 1  # the first eigenvector does not count
        if tokens < least:
            raise ConfigError(
                f"method.options.eigenvectors = {self._options.eigenvectors} needs {least} tokens"
                f" in a crop, which has {tokens}: lower it, or raise features.train_resolution"
            )

    def _pass(
        self,
        parameters: Views,
        buffers: dict[str, Tensor],
        tokens_SMBTC: Tensor,
        draws: StepDraws,
        number: int,
    ) -> _Pass:
        masks_SDBC = draws.masks_SDNC[:, :, : draws.batch]
        fused_SBTC = self._encoder(tokens_SMBTC, parameters, buffers, draws.sample_weight_SB)
        target_SBTC = fused_SBTC.detach()
        if self._single:
            target_SBTC = target_SBTC * masks_SDBC[:, HEAD_MASKS + number].unsqueeze(-2)
        own = slice(2 * number, 2 * number + 2)
        return _Pass(
            target_SBTC=target_SBTC,
            code_SBTK=code_head(fused_SBTC, parameters, masks_SDBC[:, own]),
        )

    def _correspondence(
        self,
        passes: list[_Pass],
        batch: Batch,
        hyper: Mapping[str, Tensor],
        draws: StepDraws,
    ) -> Tensor:
        """Weighted loss of the blurred copy and of random crops, with shape (S,)."""
        points_SM2BQ2 = draws.coordinates_SM2BQ2
        places = (points_SM2BQ2[:, 0, 0], points_SM2BQ2[:, 0, 1], points_SM2BQ2[:, 1, 0])
        losses = []
        for slot, weight_B in enumerate(draws.sample_weight_SB):
            reading_3BQT = [reading_weights(each[slot], batch.grid) for each in places]
            plain, again, blurred = (
                one.read(slot, reading) for one, reading in zip(passes, reading_3BQT, strict=True)
            )
            loss = functools.partial(
                adaptive_correspondence, weight_B=weight_B, beta=self._options.beta
            )
            random_RB = draws.sources_SMBJ[slot, 0, :, RANDOM:].mT
            negatives = [
                loss(
                    plain,
                    passes[0].read(slot, reading_3BQT[1], crops_B=other_B),
                    scale=hyper["negative_scale"][slot],
                )
                for other_B in random_RB
            ]
            losses.append(
                hyper["lambda_positive"][slot] * loss(blurred, again, scale=None)
                + hyper["lambda_negative"][slot] * torch.stack(negatives).mean()
            )
        return torch.stack(losses)

    def _found_objects(
        self, parameters: Views, batch: Batch, passes: list[_Pass], draws: StepDraws
    ) -> tuple[Tensor, list[Tensor]]:
        """Loss of the tables of both views (S, 2), and the objects (S, B, T) of each."""
        colours_NT3 = batch.maps[self._colours].flatten(0, 1)
        losses, objects = [], []
        for table, one in zip(TABLES, passes[1:], strict=True):
            code_SBTK = one.code_SBTK.detach()
            vectors = eigenvectors(
                code_SBTK.flatten(0, 1),
                colours_NT3,
                count=self._options.eigenvectors,
                colours=self._options.colours,
            )
            loss_S, objects_SBT = object_clusters(
                vectors.view(*code_SBTK.shape[:3], -1), parameters[table], draws.sample_weight_SB
            )
            losses.append(loss_S)
            objects.append(objects_SBT)
        return torch.stack(losses, dim=1), objects

    def _contrast(
        self,
        parameters: Views,
        passes: list[_Pass],
        objects_2SBT: list[Tensor],
        draws: StepDraws,
    ) -> Tensor:
        """Contrast of both views by their own objects, with shape (S,)."""
        projected = [
            unit(linear(one.code_SBTK, parameters, PROJECTOR), epsilon=EPSILON)
            for one in passes[1:]
        ]
        losses = []
        for slot, weight_B in enumerate(draws.sample_weight_SB):
            total = weight_B.new_zeros(())
            for own in (0, 1):
                weight_BT = token_weights(passes[1 + own].target_SBTC[slot].clone())
                tokens = weight_BT.shape[1]
                total = total + object_contrast(
                    projected[own][slot].flatten(0, 1).clone(),
                    projected[1 - own][slot].flatten(0, 1).clone(),
                    objects_2SBT[own][slot].flatten(),
                    (weight_BT * weight_B.unsqueeze(1) / tokens).flatten(),
                    objects=self._objects,
                    smoothing=self._options.smoothing,
                )
            losses.append(total)
        return torch.stack(losses)

    def _other_maps(
        self, parameters: Views, buffers: Views, code_1NTK: Tensor
    ) -> Mapping[str, Tensor]:
        del parameters, buffers
        count = min(self._options.eigenvectors, code_1NTK.shape[2] - 1)
        unknown_NT3 = torch.zeros(*code_1NTK.shape[1:3], 3, device=code_1NTK.device)
        vectors_NTE = eigenvectors(code_1NTK[0], unknown_NT3, count=count, colours="constant")
        return {"EiCue of s": vectors_NTE}
