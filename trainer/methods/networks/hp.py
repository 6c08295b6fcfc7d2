"""HP: contrast between tokens and their hidden positives, of the code and of its local mixture.

Paper: Leveraging Hidden Positives for Unsupervised Semantic Segmentation (Seong et al., CVPR
2023). Authors' code: hynnsk/HP at 2ce07bd; described in ``docs/methods.md``.

Letters of shapes: ``docs/architecture.md``; O are the reference tokens of the pool.

For several modalities, which its authors do not define, the raw features are fused as in STEGO,
positives are those of the detached fused map, and only the first modality is jittered.
"""

import dataclasses
import math
from collections.abc import Mapping

import torch
from torch import Tensor

from trainer.losses.draws import StepDraws
from trainer.losses.hidden_positives import Positives, contrast, hidden_positives
from trainer.methods.base import Batch, Needs, Sample, StepTerms
from trainer.methods.entry import Inputs
from trainer.methods.feature_map import jittered_map
from trainer.methods.hp import HPOptions, attention_map
from trainer.methods.networks.shared_code import SharedCode
from trainer.methods.networks.target_dropout import HEAD_MASKS, TargetDropout
from trainer.methods.settings import MethodSettings
from trainer.model import Encoder, code_head, code_head_entries
from trainer.nn.alignment import each_slot
from trainer.nn.linear import linear
from trainer.nn.neighbours import local_weights, mix
from trainer.nn.parameters import Entry, Group, Views, linear_entries
from trainer.nn.unit import unit

__all__ = ["HiddenPositives"]

POOL = "pool"
PROJECTOR = "projector"
AVERAGED = "averaged."  # prefix of the names of the averaged head
#: Of encoder and head; the projector has plain Adam. Authors' code.
GROUP = Group(decay=0.1, clip=10.0)
EPSILON = 1e-12  # smallest length by which vectors are divided
APART = 1e-6  # added to differences, as in PyTorch's pairwise distance


class HiddenPositives(SharedCode):
    """HP on one map; implements ``trainer.methods.base.Method``."""

    def __init__(self, config: MethodSettings, options: HPOptions, inputs: Inputs) -> None:
        self._options = options
        self._jittered = jittered_map(inputs.modalities)
        self._attention = attention_map(inputs.modalities)
        self._target_dropout = TargetDropout(
            setting="single", modalities=len(inputs.modalities), maps=1
        )
        encoder = Encoder(
            modalities=len(inputs.modalities), channels=inputs.channels, fusion=config.fusion
        )
        width = config.code_dim
        averaged = tuple(
            dataclasses.replace(each, name=f"{AVERAGED}{each.name}")
            for each in code_head_entries(channels=inputs.channels, code_dim=width)
        )
        shape = (options.pool, len(inputs.modalities), inputs.channels)
        pool = Entry(name=POOL, shape=shape, initial="uniform", scale=1.0)
        super().__init__(
            encoder,
            code_dim=width,
            further=linear_entries(PROJECTOR, inputs=width, outputs=width),
            further_buffers=(*averaged, pool),
            group=GROUP,
        )

    @property
    def needs(self) -> Needs:
        """Queries, masks for the head of both views and for the features, and random pairs."""
        masks = self._target_dropout.masks + HEAD_MASKS
        return Needs(positives=False, maps=0, masks=masks, uniform=2)

    @property
    def terms(self) -> tuple[str, ...]:
        """Contrast of the codes and of their local mixtures, and consistency."""
        local = () if self._options.local == "off" else ("local",)
        return ("global", *local, "consistency")

    def start(self, parameters: Views, buffers: Views, sample: Sample) -> tuple[Views, Views]:
        """Copy the head, and fill the pool with random tokens of the train split."""
        averaged = {
            name: parameters[name.removeprefix(AVERAGED)].clone()
            for name in buffers
            if name.startswith(AVERAGED)
        }
        tokens_IMC = sample()[0].flatten(1, 2).transpose(0, 1)
        drawn_O = (buffers[POOL][0, :, 0, 0] + 1) / 2  # uniform numbers until here
        chosen_O = (drawn_O * len(tokens_IMC)).long().clamp(max=len(tokens_IMC) - 1)
        return parameters, {**buffers, **averaged, POOL: tokens_IMC[chosen_O].unsqueeze(0)}

    def step(
        self,
        parameters: Views,
        buffers: Views,
        batch: Batch,
        hyper: Mapping[str, Tensor],
        draws: StepDraws,
    ) -> StepTerms:
        """Contrast with hidden positives, of codes and of local mixtures, and consistency."""
        new_buffers = dict(buffers)
        fused_SBTC, code_SBTK = self._trained(parameters, new_buffers, batch.tokens_SMNTC, draws)
        projected = {"global": _projected(code_SBTK, parameters)}
        if self._options.local != "off":
            mixed_SBTK = self._mixed(code_SBTK, fused_SBTC.detach(), batch)
            projected["local"] = _projected(mixed_SBTK, parameters)
        spaces = self._spaces(parameters, buffers, fused_SBTC, draws)
        terms = self._contrast(spaces, projected, batch, hyper, draws)
        jittered_code = self._jittered_code(parameters, dict(buffers), batch, draws)
        jittered_SBTK = _projected(jittered_code, parameters)
        apart_SBT = torch.linalg.vector_norm(projected["global"] - jittered_SBTK + APART, dim=-1)
        consistency_S = (apart_SBT.mean(dim=-1) * draws.sample_weight_SB).sum(dim=1)
        return StepTerms(
            terms={**terms, "consistency": hyper["lambda_consistency"] * consistency_S},
            codes_SBTK=code_SBTK,
            buffers=new_buffers | self._averaged(parameters, buffers),
        )

    def _averaged(self, parameters: Views, buffers: Views) -> dict[str, Tensor]:
        """The averaged head a step later, by the names of its buffers."""
        return {
            name: torch.lerp(
                parameters[name.removeprefix(AVERAGED)].detach(), view, self._options.momentum
            )
            for name, view in buffers.items()
            if name.startswith(AVERAGED)
        }

    def _contrast(
        self,
        spaces: tuple[Tensor, Tensor, Tensor, Tensor],
        projected: Mapping[str, Tensor],
        batch: Batch,
        hyper: Mapping[str, Tensor],
        draws: StepDraws,
    ) -> dict[str, Tensor]:
        """The losses of the positives of every slot, halved if there are two."""
        losses = []
        for slot, weight_B in enumerate(draws.sample_weight_SB):
            positives = self._positives(slot, spaces, batch, draws)
            losses.append(
                [
                    contrast(
                        each[slot].flatten(0, 1).clone(),  # begins on a cache line
                        positives,
                        temperature=hyper["temperature"][slot],
                        weight_B=weight_B,
                    )
                    for each in projected.values()
                ]
            )
        return {
            name: torch.stack([each[place] for each in losses]) / len(projected)
            for place, name in enumerate(projected)
        }

    @torch.no_grad()
    def _spaces(
        self, parameters: Views, buffers: Views, fused_SBTC: Tensor, draws: StepDraws
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Where positives are found: features and averaged codes of the queries and of the pool.

        Each has the shape (S, crops, tokens, channels); the pool is one crop.
        """
        frozen_SBTC = fused_SBTC.detach()
        masks = draws.masks_SDNC[:, : self._target_dropout.masks]
        target_SBTC = self._target_dropout.apply(frozen_SBTC.unsqueeze(1), masks)[:, 0]
        head = {name.removeprefix(AVERAGED): view for name, view in buffers.items()}
        pool_SM1OC = buffers[POOL].transpose(1, 2).unsqueeze(2)
        pool_S1OC = self._encoder(pool_SM1OC, parameters, dict(buffers))
        codes = (code_head(each, head, None) for each in (frozen_SBTC, pool_S1OC))
        return target_SBTC, next(codes), pool_S1OC, next(codes)

    def _positives(
        self,
        slot: int,
        spaces: tuple[Tensor, Tensor, Tensor, Tensor],
        batch: Batch,
        draws: StepDraws,
    ) -> Positives:
        """Those of one slot; task-specific ones count the more the later it is."""
        features_IC, codes_IK, pool_OC, pool_OK = (
            unit(each[slot], epsilon=EPSILON).flatten(0, 1) for each in spaces
        )
        progress = batch.iteration_S[slot] / batch.iterations
        begun = (progress - self._options.warmup) / (1 - self._options.warmup)
        present_B = draws.sample_weight_SB[slot] > 0
        return hidden_positives(
            features_IC,
            codes_IK,
            pool_features_OC=pool_OC,
            pool_codes_OK=pool_OK,
            present_I=present_B.repeat_interleave(batch.grid[0] * batch.grid[1]),
            uniform_2I=draws.uniform_SEBT[slot].flatten(1),
            share=self._options.negatives,
            lambda_specific=begun.clamp(min=0).to(features_IC.dtype),
        )

    def _mixed(self, code_SBTK: Tensor, fused_SBTC: Tensor, batch: Batch) -> Tensor:
        """Codes mixed with those of the tokens around them: (S, B, T, K)."""
        if self._options.local == "attention":
            weights = batch.maps[self._attention].flatten(0, 1)
        else:
            weights = each_slot(
                lambda fused: local_weights(_cosines(fused.flatten(0, 1)), batch.grid),
                fused_SBTC,
                slots=len(fused_SBTC),
            )
        scale = math.sqrt(batch.grid[0] * batch.grid[1])  # 28 in the authors' code, of 28 x 28
        mixed = mix(code_SBTK.flatten(0, 1), scale * weights, batch.grid)
        return mixed.view(code_SBTK.shape)

    def _jittered_code(
        self, parameters: Views, aside: dict[str, Tensor], batch: Batch, draws: StepDraws
    ) -> Tensor:
        """Codes of the crops with other colours; running statistics change only ``aside``."""
        first_S1BTC = batch.maps[self._jittered].unsqueeze(1)
        tokens = torch.cat([first_S1BTC, batch.tokens_SMNTC[:, 1:]], dim=1)
        fused_SBTC = self._encoder(tokens, parameters, aside, draws.sample_weight_SB)
        masks_S2BC = draws.masks_SDNC[:, -HEAD_MASKS:, : draws.batch]
        return code_head(fused_SBTC, parameters, masks_S2BC)

    def _other_maps(
        self, parameters: Views, buffers: Views, code_1NTK: Tensor
    ) -> Mapping[str, Tensor]:
        del buffers
        return {"z": _projected(code_1NTK, parameters)[0]}


def _projected(codes_SBTK: Tensor, parameters: Views) -> Tensor:
    """Projected codes of unit length."""
    return unit(linear(codes_SBTK, parameters, PROJECTOR), epsilon=EPSILON)


def _cosines(tokens_NTC: Tensor) -> Tensor:
    """Of all pairs of tokens of a crop: (N, T, T)."""
    units = unit(tokens_NTC, epsilon=EPSILON)
    return units @ units.mT
