"""Outputs of a vision transformer that can be features, by name; read with hooks.

``tokens``, the last block's tokens after the final norm, are the features of UniM2; ``tokens3``,
the concatenated tokens of the last three blocks, are its option ``fea``. EAGLE uses ``keys3``, the
attention keys of the last three blocks before any rotary position embedding, and HP uses
``attention``, the attention of the class token in the last block with one channel per head.

Hooks record the inputs of the attention layers, from which the outputs are recomputed, because
timm's layers neither call a module for their keys nor keep their attention.

Letters of shapes: ``docs/architecture.md``, and t tokens including the prefix (class and
register tokens), a heads, d channels per head.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from timm.layers.pos_embed_sincos import apply_rot_embed_cat
from torch import Tensor, nn
from torch.nn import functional

from trainer.errors import ConfigError

__all__ = ["OUTPUTS", "Output", "check_output", "check_patch_attention", "patch_attention"]

DEPTH = 3  # blocks used by tokens3 and keys3


@dataclass(frozen=True, kw_only=True)
class Output:
    """One kind of features."""

    #: Length C of a feature vector of the given model.
    channels: Callable[[Any], int]
    #: Features of patch tokens with shape (N, T, C), of normalised images (N, 3, h, w).
    read: Callable[[Any, Tensor], Tensor]
    #: What the given model lacks for it; empty if nothing.
    lacks: Callable[[Any], str] = lambda _: ""


def check_output(model: Any, output: str, name: str) -> None:
    """Refuse an output that the model cannot provide.

    Raises:
        ConfigError: If it has too few blocks, no plain attention, or no class token.
    """
    if lack := OUTPUTS[output].lacks(model):
        raise ConfigError(
            f"backbone.output = {output!r} is not available for {name!r}, which has {lack}: set"
            " backbone.output to 'tokens' or choose another backbone"
        )


def _is_deep(model: Any) -> bool:
    return len(model.blocks) >= DEPTH


def _is_plain(model: Any) -> bool:
    """Whether the attention of the last blocks can be read."""
    return all(hasattr(getattr(block, "attn", None), "k_norm") for block in model.blocks[-DEPTH:])


def _lacks_blocks(model: Any) -> str:
    return "" if _is_deep(model) else f"fewer than {DEPTH} blocks"


def _lacks_keys(model: Any) -> str:
    has = _is_deep(model) and _is_plain(model)
    return "" if has else f"fewer than {DEPTH} plain attention layers"


def _lacks_attention(model: Any) -> str:
    has = _is_plain(model) and model.cls_token is not None
    return "" if has else "no attention of a class token"


def _read_tokens(model: Any, images: Tensor) -> Tensor:
    tokens_NtC = model.forward_features(images)
    if isinstance(model.norm, nn.Identity):
        tokens_NtC = model.fc_norm(tokens_NtC)
    return _patches(model, tokens_NtC)


def _read_tokens3(model: Any, images: Tensor) -> Tensor:
    with _captured(model.blocks[-DEPTH:], lambda _, made: made) as tokens:
        model.forward_features(images)
    norm = model.fc_norm if isinstance(model.norm, nn.Identity) else model.norm
    return torch.cat([_patches(model, norm(tokens_NtC)) for tokens_NtC in tokens], dim=-1)


def _read_keys3(model: Any, images: Tensor) -> Tensor:
    layers = [block.attn for block in model.blocks[-DEPTH:]]
    with _captured(layers, lambda given, _: given) as inputs:
        model.forward_features(images)
    keys = [
        _project(layer, given.tokens_NtC, "k").transpose(1, 2).flatten(2)
        for layer, given in zip(layers, inputs, strict=True)
    ]
    return torch.cat([_patches(model, keys_NtC) for keys_NtC in keys], dim=-1)


def _read_attention(model: Any, images: Tensor) -> Tensor:
    layer = model.blocks[-1].attn
    with _captured([layer], lambda given, _: given) as inputs:
        model.forward_features(images)
    (given,) = inputs
    query_Na1d = _project(layer, given.tokens_NtC[:, :1], "q")  # class token: is not rotated
    keys_Natd = _project(layer, given.tokens_NtC, "k")
    keys_Natd = _rotated(layer, keys_Natd, given.rope, model.num_prefix_tokens)
    weights_Na1t = (query_Na1d @ keys_Natd.mT * layer.scale).softmax(dim=-1)
    return _patches(model, weights_Na1t.squeeze(2).mT)


def check_patch_attention(model: Any, name: str) -> None:
    """Refuse a model whose attention between patches cannot be read.

    Raises:
        ConfigError: If its last block has no plain attention.
    """
    if not hasattr(getattr(model.blocks[-1], "attn", None), "k_norm"):
        raise ConfigError(
            f"the last block of {name!r} has no plain attention, which the method reads: choose"
            " another backbone, or another setting of [method.options]"
        )


def patch_attention(model: Any, images: Tensor) -> Tensor:
    """Attention between patch tokens in the last block, mean over the heads.

    Args:
        model: A model that :func:`check_patch_attention` accepts.
        images: Normalised images with shape (N, 3, h, w).

    Returns:
        Tensor with shape (N, T, T).
    """
    layer, prefix = model.blocks[-1].attn, model.num_prefix_tokens
    with _captured([layer], lambda given, _: given) as inputs:
        model.forward_features(images)
    (given,) = inputs
    query_Natd, keys_Natd = (
        _rotated(layer, _project(layer, given.tokens_NtC, which), given.rope, prefix)
        for which in ("q", "k")
    )
    weights_Natt = (query_Natd @ keys_Natd.mT * layer.scale).softmax(dim=-1)
    mean_NTT: Tensor = weights_Natt[:, :, prefix:, prefix:].mean(dim=1)
    return mean_NTT


def _rotated(layer: Any, heads_Natd: Tensor, rope: Tensor | None, prefix: int) -> Tensor:
    """Queries or keys after the rotary position embedding of patch tokens, if there is one."""
    if rope is None:
        return heads_Natd
    rotated = apply_rot_embed_cat(heads_Natd[:, :, prefix:], rope, half=layer.rotate_half)
    return torch.cat([heads_Natd[:, :, :prefix], rotated], dim=2)


#: Name in ``backbone.output`` to the output.
OUTPUTS: Mapping[str, Output] = {
    "tokens": Output(channels=lambda model: model.num_features, read=_read_tokens),
    "tokens3": Output(
        channels=lambda model: DEPTH * model.num_features,
        read=_read_tokens3,
        lacks=_lacks_blocks,
    ),
    "keys3": Output(
        channels=lambda model: sum(_width(block.attn) for block in model.blocks[-DEPTH:]),
        read=_read_keys3,
        lacks=_lacks_keys,
    ),
    "attention": Output(
        channels=lambda model: model.blocks[-1].attn.num_heads,
        read=_read_attention,
        lacks=_lacks_attention,
    ),
}


@dataclass(frozen=True, kw_only=True)
class _Given:
    """Arguments of a call of an attention layer."""

    tokens_NtC: Tensor
    rope: Tensor | None


@contextmanager
def _captured(modules: Any, choose: Callable[[_Given, Tensor], Any]) -> Iterator[list[Any]]:
    """Collect the values chosen from each module's inputs and output while the model runs."""
    kept: list[Any] = []

    def keep(_: nn.Module, given: tuple[Any, ...], named: dict[str, Any], made: Tensor) -> None:
        kept.append(choose(_Given(tokens_NtC=given[0], rope=named.get("rope")), made))

    handles = [module.register_forward_hook(keep, with_kwargs=True) for module in modules]
    try:
        yield kept
    finally:
        for handle in handles:
            handle.remove()


def _patches(model: Any, tokens_NtC: Tensor) -> Tensor:
    return tokens_NtC[:, model.num_prefix_tokens :]


def _project(layer: Any, tokens_NtC: Tensor, which: str) -> Tensor:
    """Queries or keys with shape (N, a, t, d), before any rotation in the layer."""
    place = "qkv".index(which)
    if getattr(layer, "qkv", None) is not None:
        weight = layer.qkv.weight.chunk(3)[place]
        biases = layer.qkv.bias
        bias = getattr(layer, f"{which}_bias", None) if biases is None else biases.chunk(3)[place]
        projected = functional.linear(tokens_NtC, weight, bias)
    else:
        projected = getattr(layer, f"{which}_proj")(tokens_NtC)
    heads_Natd = torch.unflatten(projected, -1, (layer.num_heads, -1)).transpose(1, 2)
    normed: Tensor = getattr(layer, f"{which}_norm")(heads_Natd)
    return normed


def _width(layer: Any) -> int:
    """Number of channels of all keys of a layer."""
    if getattr(layer, "qkv", None) is not None:
        return int(layer.qkv.out_features) // 3
    return int(layer.k_proj.out_features)
