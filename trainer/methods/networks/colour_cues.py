"""STEGO with fuzzy colour clusters and a contrast that ignores changed colours; an experiment.

Letters of shapes: ``docs/architecture.md``.

For several modalities, colours are those of the first one, which alone is changed.
"""

import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor

from trainer.losses.colour_cues import colour_contrast, cue_loss, fuzzy_clusters
from trainer.losses.draws import StepDraws
from trainer.methods.base import Batch, Needs, StepTerms
from trainer.methods.entry import Inputs
from trainer.methods.experimental.colour_cues import ColourCuesOptions
from trainer.methods.feature_map import colour_map, jittered_map
from trainer.methods.networks.shared_code import SharedCode
from trainer.methods.networks.stego import Stego
from trainer.methods.networks.target_dropout import HEAD_MASKS
from trainer.methods.settings import MethodSettings
from trainer.methods.stego import StegoOptions
from trainer.model import Encoder, code_head
from trainer.nn.alignment import each_slot
from trainer.nn.parameters import Views

__all__ = ["ColourCues"]


class ColourCues(SharedCode):
    """STEGO and two more terms; implements ``trainer.methods.base.Method``."""

    def __init__(self, config: MethodSettings, options: ColourCuesOptions, inputs: Inputs) -> None:
        modalities, channels = inputs.modalities, inputs.channels
        self._stego = Stego(config, StegoOptions(), modalities=modalities, channels=channels)
        encoder = Encoder(modalities=len(modalities), channels=channels, fusion=config.fusion)
        super().__init__(encoder, code_dim=config.code_dim)
        self._options = options
        self._colours, self._changed = (
            colour_map(inputs.modalities),
            jittered_map(inputs.modalities),
        )

    @property
    def needs(self) -> Needs:
        """STEGO's, and masks for the head of the changed crops."""
        own = self._stego.needs
        return dataclasses.replace(own, masks=own.masks + HEAD_MASKS)

    @property
    def terms(self) -> tuple[str, ...]:
        """STEGO's, and those of colours alike and changed."""
        return (*self._stego.terms, "cues", "colour")

    def step(
        self,
        parameters: Views,
        buffers: Views,
        batch: Batch,
        hyper: Mapping[str, Tensor],
        draws: StepDraws,
    ) -> StepTerms:
        """STEGO's step with two more terms of the queries."""
        masks = draws.masks_SDNC[:, :-HEAD_MASKS]
        made = self._stego.step(
            parameters, buffers, batch, hyper, dataclasses.replace(draws, masks_SDNC=masks)
        )
        colours_SBT3 = batch.maps[self._colours][:, : draws.batch]
        shares_SBTF = each_slot(
            lambda colours: fuzzy_clusters(
                colours.flatten(0, 1),
                batch.grid,
                count=self._options.clusters,
                place=self._options.place,
                neighbours=self._options.neighbours,
            ).view(*colours.shape[:3], -1),
            colours_SBT3,
            slots=len(colours_SBT3),
        )
        cues_S = cue_loss(
            made.codes_SBTK,
            shares_SBTF,
            bias_S=hyper["b_cues"],
            sample_weight_SB=draws.sample_weight_SB,
        )
        colour_S = colour_contrast(
            made.codes_SBTK,
            self._changed_code(parameters, dict(buffers), batch, draws),
            temperature=self._options.temperature,
            sample_weight_SB=draws.sample_weight_SB,
        )
        more = {
            "cues": hyper["lambda_cues"] * cues_S,
            "colour": hyper["lambda_colour"] * colour_S,
        }
        return dataclasses.replace(made, terms={**made.terms, **more})

    def _changed_code(
        self, parameters: Views, aside: dict[str, Tensor], batch: Batch, draws: StepDraws
    ) -> Tensor:
        """Codes of the queries in other colours; running statistics change only ``aside``."""
        changed_S1BTC = batch.maps[self._changed][:, : draws.batch].unsqueeze(1)
        others = batch.tokens_SMNTC[:, 1:, : draws.batch]
        tokens = torch.cat([changed_S1BTC, others], dim=1)
        fused_SBTC = self._encoder(tokens, parameters, aside, draws.sample_weight_SB)
        masks_S2BC = draws.masks_SDNC[:, -HEAD_MASKS:, : draws.batch]
        return code_head(fused_SBTC, parameters, masks_S2BC)
