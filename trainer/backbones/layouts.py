"""Translating the names in authors' weights files to those of timm.

DINO and timm use the same names. DINOv2 adds a mask token that only pretraining uses and, in its
variant with registers, stores the class token separately from its position. DINOv3 has its own
names, one bias of queries, keys and values with a mask that is 0 for the keys, and the periods of
its rotary position embedding, rounded to bfloat16. The authors' own model uses these periods, so
they are used here as well.

Entries that are not in these tables are neither dropped nor resampled: the caller compares names
and shapes with the model's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["PERIODS", "Layout", "MisfitError", "detect_layout", "load_periods", "to_timm_names"]

#: The rotary position embedding's periods, which are not a weight in timm; it computes them.
PERIODS = "rope.periods"


class MisfitError(ValueError):
    """The weights do not fit this architecture; the message is a short reason."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The names of the weights in one family of files."""

    name: str
    #: Names of which every file of the layout has at least one and timm's files have none.
    marks: tuple[str, ...]
    #: Patterns and their replacements, each applied once to every name.
    renames: tuple[tuple[str, str], ...] = ()
    #: Entries that only pretraining uses.
    dropped: tuple[str, ...] = ()


DINOV3 = Layout(
    name="DINOv3",
    marks=("storage_tokens", "rope_embed.periods", "blocks.0.ls1.gamma"),
    renames=(
        (r"^storage_tokens$", "reg_token"),
        (r"^rope_embed\.periods$", PERIODS),
        (r"\.ls([12])\.gamma$", r".gamma_\1"),
        (r"\.mlp\.w1\.", ".mlp.fc1_g."),
        (r"\.mlp\.w2\.", ".mlp.fc1_x."),
        (r"\.mlp\.w3\.", ".mlp.fc2."),
    ),
    dropped=("mask_token",),
)
DINOV2 = Layout(
    name="DINOv2",
    marks=("mask_token", "register_tokens", "blocks.0.mlp.w12.weight"),
    renames=(
        (r"^register_tokens$", "reg_token"),
        (r"\.mlp\.w12\.", ".mlp.fc1."),
        (r"\.mlp\.w3\.", ".mlp.fc2."),
    ),
    dropped=("mask_token",),
)
#: Module of timm with the architecture, to the layouts of its authors' files.
LAYOUTS: Mapping[str, tuple[Layout, ...]] = {
    "timm.models.eva": (DINOV3,),
    "timm.models.vision_transformer": (DINOV2,),
}


def detect_layout(state: Mapping[str, Tensor], model: nn.Module) -> Layout | None:
    """The authors' layout of a file; None if it has none of their marks."""
    for layout in LAYOUTS.get(type(model).__module__, ()):
        if any(mark in state for mark in layout.marks):
            return layout
    return None


def to_timm_names(
    state: Mapping[str, Tensor], model: nn.Module, layout: Layout
) -> dict[str, Tensor]:
    """The same weights under timm's names; names that the layout does not know are unchanged.

    Raises:
        MisfitError: If the file has biases that the model lacks.
    """
    state = {name: value for name, value in state.items() if name not in layout.dropped}
    if layout is DINOV3:
        state = _split_biases(state, model)
    if layout is DINOV2 and "register_tokens" in state:
        state = _join_class_position(state)
    return {_rename(name, layout): value for name, value in state.items()}


def _rename(name: str, layout: Layout) -> str:
    for pattern, replacement in layout.renames:
        name = re.sub(pattern, replacement, name)
    return name


def _split_biases(state: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Masked biases as in timm's variants: of queries and of values, or none at all."""
    takes = any(name.endswith(".q_bias") for name, _ in model.named_parameters())
    split: dict[str, Tensor] = {}
    for name, value in state.items():
        if name.endswith(".qkv.bias_mask") and name.removesuffix("_mask") in state:
            continue
        if not (name.endswith(".qkv.bias") and value.ndim == 1 and len(value) % 3 == 0):
            split[name] = value
            continue
        bias = _masked(name, value, state.get(f"{name}_mask"))
        queries, keys, values = bias.chunk(3)
        if keys.any():
            raise MisfitError(f"it has biases of keys such as {name}, which DINOv3 masks")
        if takes:
            split[name.replace("qkv.bias", "q_bias")] = queries.clone()
            split[name.replace("qkv.bias", "v_bias")] = values.clone()
        elif queries.any() or values.any():
            raise MisfitError(f"it has biases such as {name}")
    return split


def _masked(name: str, bias: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return bias
    if mask.shape != bias.shape or not mask.isfinite().all():
        raise MisfitError(f"{name}_mask is not a mask of {name}")
    return bias * mask


def _join_class_position(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The class token with its position added, because timm embeds only positions of patches."""
    joined = dict(state)
    if {"cls_token", "pos_embed"} <= state.keys() and state["pos_embed"].ndim == 3:
        joined["cls_token"] = state["cls_token"] + state["pos_embed"][:, :1]
        joined["pos_embed"] = state["pos_embed"][:, 1:].contiguous()
    return joined


def load_periods(model: nn.Module, periods: Tensor) -> None:
    """Load the periods of the file into the rotary position embedding.

    Raises:
        MisfitError: If the model has none, or they differ by more than rounding.
    """
    own = getattr(getattr(model, "rope", None), "periods", None)
    if own is None or own.shape != periods.shape:
        raise MisfitError(f"it has {len(periods)} periods of a rotary position embedding")
    if not torch.allclose(own, periods.float(), rtol=1e-2):  # bfloat16 rounds by 0.4 %
        raise MisfitError("its rotary position embedding has other periods")
    own.copy_(periods.float())
