"""A small transformer whose class tokens ask the tokens of a crop which of them are theirs.

Segmenter (Strudel et al., ICCV 2021), as TransFGU uses it (Yin et al., ECCV 2022; damo-cv/TransFGU
at ea49bcd): tokens and class tokens pass through the same blocks, and the cosines of both, normed
over the classes, are the logits. The authors' dropout of 0.1 in the blocks is left out.

Letters of shapes: ``docs/architecture.md``; L tokens and class tokens, D channels of the decoder.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.nn.alignment import each_slot
from trainer.nn.linear import linear
from trainer.nn.parameters import Entry, Views, linear_entries, norm_entries
from trainer.nn.unit import unit

__all__ = ["CLASS_TOKENS", "MaskDecoder"]

CLASS_TOKENS = "decoder.class_tokens"
DEVIATION = 0.02  # of initial weights of linear layers; authors' code
EXPANSION = 4  # hidden channels of a block over its width; authors' code
STEADY = 1e-5  # added to variances, as PyTorch does
EPSILON = 1e-12


@dataclass(frozen=True, kw_only=True)
class MaskDecoder:
    """The decoder, as functions of its parameters."""

    #: Channels of a frozen feature.
    channels: int
    classes: int
    width: int
    heads: int
    blocks: int

    def entries(self) -> tuple[Entry, ...]:
        """Names, shapes and initial numbers of the parameters."""
        width = self.width
        tokens = Entry(name=CLASS_TOKENS, shape=(self.classes, width), initial="normal", scale=1.0)
        ends = tuple(
            Entry(
                name=f"decoder.{name}.weight",
                shape=(width, width),
                initial="normal",
                scale=width**-0.5,
            )
            for name in ("of_tokens", "of_classes")
        )
        return (
            tokens,
            *linear_entries(
                "decoder.enter", inputs=self.channels, outputs=width, deviation=DEVIATION
            ),
            *(each for block in range(self.blocks) for each in self._block(block)),
            *norm_entries("decoder.norm", channels=width),
            *ends,
            *norm_entries("decoder.over_classes", channels=self.classes),
        )

    def _block(self, block: int) -> tuple[Entry, ...]:
        name, width = f"decoder.blocks.{block}", self.width
        return (
            *norm_entries(f"{name}.norm1", channels=width),
            *linear_entries(f"{name}.qkv", inputs=width, outputs=3 * width, deviation=DEVIATION),
            *linear_entries(f"{name}.proj", inputs=width, outputs=width, deviation=DEVIATION),
            *norm_entries(f"{name}.norm2", channels=width),
            *linear_entries(
                f"{name}.fc1", inputs=width, outputs=EXPANSION * width, deviation=DEVIATION
            ),
            *linear_entries(
                f"{name}.fc2", inputs=EXPANSION * width, outputs=width, deviation=DEVIATION
            ),
        )

    def __call__(self, tokens_SNTC: Tensor, parameters: Views) -> tuple[Tensor, Tensor]:
        """Logits (S, N, T, Y), and class tokens of unit length (S, N, Y, D)."""
        entered_SNTD = linear(tokens_SNTC, parameters, "decoder.enter")
        classes_SNYD = parameters[CLASS_TOKENS].unsqueeze(1)
        classes_SNYD = classes_SNYD.expand(-1, entered_SNTD.shape[1], -1, -1)
        all_SNLD = torch.cat([entered_SNTD, classes_SNYD], dim=2)
        for block in range(self.blocks):
            all_SNLD = self._through(all_SNLD, parameters, f"decoder.blocks.{block}")
        all_SNLD = _normed(all_SNLD, parameters, "decoder.norm")
        ended_SNTD, classes_SNYD = (
            unit(_product(part, parameters[f"decoder.{name}.weight"]), epsilon=EPSILON)
            for part, name in (
                (all_SNLD[:, :, : -self.classes], "of_tokens"),
                (all_SNLD[:, :, -self.classes :], "of_classes"),
            )
        )
        cosines_SNTY = each_slot(
            lambda tokens, classes: tokens @ classes.mT,
            ended_SNTD,
            classes_SNYD,
            slots=len(ended_SNTD),
        )
        return _normed(cosines_SNTY, parameters, "decoder.over_classes"), classes_SNYD

    def _through(self, all_SNLD: Tensor, parameters: Views, name: str) -> Tensor:
        given = linear(_normed(all_SNLD, parameters, f"{name}.norm1"), parameters, f"{name}.qkv")
        attended = each_slot(self._attended, given, slots=len(given))
        all_SNLD = all_SNLD + linear(attended, parameters, f"{name}.proj")
        hidden = linear(_normed(all_SNLD, parameters, f"{name}.norm2"), parameters, f"{name}.fc1")
        hidden = torch.nn.functional.gelu(hidden)
        return all_SNLD + linear(hidden, parameters, f"{name}.fc2")

    def _attended(self, given_SNLD: Tensor) -> Tensor:
        """Attention between all tokens of a crop, of queries, keys and values side by side."""
        slots, crops, tokens = given_SNLD.shape[:3]
        parts = given_SNLD.view(slots * crops, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = parts.contiguous().unbind(0)
        weights = (query @ key.mT / math.sqrt(query.shape[-1])).softmax(dim=-1)
        return (weights @ value).transpose(1, 2).reshape(slots, crops, tokens, self.width)


def _normed(values: Tensor, parameters: Views, name: str) -> Tensor:
    """Layer normalisation over the last axis, with each slot's own scale and shift."""
    scale, shift = (parameters[f"{name}.{part}"][:, None, None] for part in ("weight", "bias"))
    normed = torch.nn.functional.layer_norm(values, values.shape[-1:], eps=STEADY)
    return normed * scale + shift


def _product(values_SNLD: Tensor, weight_SDD: Tensor) -> Tensor:
    """Products with each slot's own matrix."""
    return each_slot(
        lambda values, weight: torch.bmm(values.flatten(1, 2), weight).view_as(values),
        values_SNLD,
        weight_SDD,
        slots=len(weight_SDD),
    )
