"""Translating Hugging Face transformers' names of weights to those of the models' authors.

Covers ``ViTModel`` (which includes DINO), ``Dinov2Model``, ``Dinov2WithRegistersModel`` and
``DINOv3ViTModel``, by themselves or inside a larger model that adds a prefix such as ``vit.`` to
their names. Separate queries, keys and values of transformers are joined. DINOv3 is stored there
without the biases of keys, which its authors mask; they become zeros again.

Names that are in no table are unchanged, so that the strict comparison afterwards refuses them.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from trainer.backbones.layouts import MisfitError

__all__ = ["has_transformers_names", "to_authors_names"]

#: Name in each of these files; its prefix is that of all names.
MARK = "embeddings.cls_token"
#: Weights used only for pooling or classification.
HEADS = ("pooler.", "classifier.")
#: A block's matrices of queries, keys and values, in both spellings.
PROJECTION = re.compile(r"^(blocks\.\d+\.)attention\.(?:attention\.)?(q|k|v)\w*\.(weight|bias)$")
#: Patterns and their replacements, applied in this order, each once to every name.
RENAMES = (
    (r"^embeddings\.(cls_token|mask_token|register_tokens)$", r"\1"),
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^embeddings\.patch_embeddings\.(?:projection\.)?(weight|bias)$", r"patch_embed.proj.\1"),
    (r"^(?:encoder\.|model\.)?layer\.(\d+)\.", r"blocks.\1."),
    (r"^layernorm\.", "norm."),
    (r"\.attention\.(?:output\.dense|o_proj)\.", ".attn.proj."),
    (r"\.layer_scale([12])\.lambda1$", r".ls\1.gamma"),
    (r"\.layernorm_before\.", ".norm1."),
    (r"\.layernorm_after\.", ".norm2."),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"\.output\.dense\.", ".mlp.fc2."),
    (r"\.mlp\.weights_in\.", ".mlp.w12."),
    (r"\.mlp\.weights_out\.", ".mlp.w3."),
)
#: DINOv3's perceptron, plain and gated.
PLAIN = {"up_proj": "fc1", "down_proj": "fc2"}
GATED = {"gate_proj": "w1", "up_proj": "w2", "down_proj": "w3"}
#: Name that only DINOv3 has; it has no position embedding.
DINOV3_MARK = "layer.0.attention.q_proj.weight"


def has_transformers_names(state: Mapping[str, Tensor]) -> bool:
    """Whether the weights have the names of transformers."""
    return any(key == MARK or key.endswith(f".{MARK}") for key in state)


def to_authors_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same weights under the authors' names.

    Args:
        state: Weights for which :func:`has_transformers_names` holds.

    Raises:
        MisfitError: If queries, keys or values are missing, of different shapes, or there are
            several networks in the file.
    """
    prefix = _prefix(state)
    state = {key.removeprefix(prefix): value for key, value in state.items()}
    dinov3 = any(key.endswith(DINOV3_MARK) for key in state)
    named = {_rename(key): value for key, value in state.items() if not key.startswith(HEADS)}
    if dinov3:
        named = _name_as_dinov3(named)
    return _join_projections(named, keys_masked=dinov3)


def _prefix(state: Mapping[str, Tensor]) -> str:
    found = sorted(key.removesuffix(MARK) for key in state if key.endswith(MARK))
    if len(found) > 1:
        raise MisfitError(f"it holds {len(found)} networks, {found[0]!r} and {found[1]!r}")
    return found[0]


def _rename(name: str) -> str:
    for pattern, replacement in RENAMES:
        name = re.sub(pattern, replacement, name)
    return name


def _name_as_dinov3(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    parts = GATED if any(".mlp.gate_proj." in key for key in state) else PLAIN
    named = {}
    for key, value in state.items():
        head, _, tail = key.partition(".mlp.")
        part, dot, kind = tail.partition(".")
        key = f"{head}.mlp.{parts[part]}{dot}{kind}" if part in parts else key
        named["storage_tokens" if key == "register_tokens" else key] = value
    return named


def _join_projections(state: Mapping[str, Tensor], *, keys_masked: bool) -> dict[str, Tensor]:
    joined: dict[str, Tensor] = {}
    apart: dict[str, dict[str, Tensor]] = {}
    for key, value in state.items():
        found = PROJECTION.match(key)
        if found is None:
            joined[key] = value
        else:
            apart.setdefault(f"{found[1]}attn.qkv.{found[3]}", {})[found[2]] = value
    for name, parts in apart.items():
        if keys_masked and name.endswith("bias") and parts.keys() == {"q", "v"}:
            parts["k"] = torch.zeros_like(parts["q"])
        if missing := {"q", "k", "v"} - parts.keys():
            raise MisfitError(f"it lacks the part {', '.join(sorted(missing))} of {name}")
        if len({parts[part].shape for part in "qkv"}) > 1:
            raise MisfitError(f"the parts q, k and v of {name} differ in shape")
        joined[name] = torch.cat([parts[part] for part in "qkv"])
    return joined
