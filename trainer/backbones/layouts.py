"""What authors' weights files call the weights, and what timm calls them.

DINO and timm use the same names. DINOv2 adds a mask token that only pretraining uses and, in
its variant with registers, keeps the class token apart from its position. DINOv3 has names of
its own; one bias of queries, keys and values with a mask that is 0 for the keys; and the
periods of its rotary position embedding, rounded to bfloat16, which the authors' own model
then uses: so are they here.

Whatever is not in these tables is neither dropped nor resampled: the caller compares names and
shapes with the model's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["PERIODS", "Layout", "MisfitError", "detect_layout", "load_periods", "to_timm_names"]

#: The rotary position embedding's periods: no weight to timm, which computes them.
PERIODS = "rope.periods"


class MisfitError(ValueError):
    """Weights are not for this architecture; the message is a short reason."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How one family of files names its weights."""

    name: str
    #: Names of which at least one is in every file of the layout and none in timm's.
    marks: tuple[str, ...]
    #: Patterns and what replaces them, each applied once to every name.
    renames: tuple[tuple[str, str], ...] = ()
    #: What only pretraining uses.
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
#: Module of timm that holds the architecture, to the layouts of its authors' files.
LAYOUTS: Mapping[str, tuple[Layout, ...]] = {
    "timm.models.eva": (DINOV3,),
    "timm.models.vision_transformer": (DINOV2,),
}


def detect_layout(state: Mapping[str, Tensor], model: nn.Module) -> Layout | None:
    """The authors' layout a file is in; None if it has none of their marks."""
    for layout in LAYOUTS.get(type(model).__module__, ()):
        if any(mark in state for mark in layout.marks):
            return layout
    return None


def to_timm_names(
    state: Mapping[str, Tensor], model: nn.Module, layout: Layout
) -> dict[str, Tensor]:
    """The same weights under timm's names; whatever the layout does not know keeps its own.

    Raises:
        MisfitError: If the file has biases that the model has no place for.
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
    """Masked biases as timm's variants have them: of queries and of values, or none at all."""
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
        raise MisfitError(f"{name}_mask is no mask of {name}")
    return bias * mask


def _join_class_position(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The class token with its position added: timm's embeds the positions of patches alone."""
    joined = dict(state)
    if {"cls_token", "pos_embed"} <= state.keys() and state["pos_embed"].ndim == 3:
        joined["cls_token"] = state["cls_token"] + state["pos_embed"][:, :1]
        joined["pos_embed"] = state["pos_embed"][:, 1:].contiguous()
    return joined


def load_periods(model: nn.Module, periods: Tensor) -> None:
    """Give the rotary position embedding the periods of the file.

    Raises:
        MisfitError: If the model has none, or others than these but for rounding.
    """
    own = getattr(getattr(model, "rope", None), "periods", None)
    if own is None or own.shape != periods.shape:
        raise MisfitError(f"it has {len(periods)} periods of a rotary position embedding")
    if not torch.allclose(own, periods.float(), rtol=1e-2):  # bfloat16 rounds by 0.4 %
        raise MisfitError("its rotary position embedding has other periods")
    own.copy_(periods.float())
