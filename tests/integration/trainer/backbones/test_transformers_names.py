"""Weights files with Hugging Face transformers' names give the same as those with timm's names."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import timm
import torch
from torch import Tensor

from tests.integration.trainer.backbones.refusals import refusal
from trainer.backbones import build_backbone
from trainer.backbones.loading import load_weights
from trainer.config.configuration import BackboneConfig

State = dict[str, Tensor]
Writer = Callable[[State], State]

DINO = "vit_small_patch16_224.dino"
DINOV2 = "vit_small_patch14_dinov2"
REGISTERS = "vit_small_patch14_reg4_dinov2"
DINOV3 = "vit_small_patch16_dinov3"
GATED = "vit_small_plus_patch16_dinov3"


@functools.cache
def _random_state_of(name: str) -> State:
    return random_state(model_of(name))


def random_state_of(name: str) -> State:
    """Random weights of an architecture; it is built only once."""
    return dict(_random_state_of(name))


def random_state(model: Any) -> State:
    """Weights that no new model has, so that a missing part is noticed."""
    generator = torch.Generator().manual_seed(7)
    return {
        key: value + 0.02 * torch.randn(value.shape, generator=generator)
        for key, value in model.state_dict().items()
    }


def model_of(name: str) -> Any:
    return timm.create_model(name, pretrained=False, num_classes=0, dynamic_img_size=True)


def split(state: State, source: str, target: str, parts: tuple[str, ...]) -> State:
    """Separate queries, keys and values."""
    chunks = state[source].chunk(3)
    return {target.format(part): chunk.clone() for part, chunk in zip(parts, chunks, strict=True)}


def depth(state: State) -> int:
    return 1 + max(int(key.split(".")[1]) for key in state if key.startswith("blocks."))


def attention(state: State, here: str, there: str, kind: str) -> State:
    """Queries, keys and values of a block, as ``ViTModel`` and ``Dinov2Model`` name them."""
    parts = ("query", "key", "value")
    return split(state, f"{here}attn.qkv.{kind}", f"{there}attention.attention.{{}}.{kind}", parts)


def as_vit(state: State) -> State:
    """``ViTModel``; with a pooler, as ``ViTModel`` has one by default."""
    width = state["cls_token"].shape[-1]
    stored = embeddings(state) | {
        "pooler.dense.weight": torch.ones(width, width),
        "pooler.dense.bias": torch.ones(width),
    }
    for block in range(depth(state)):
        here, there = f"blocks.{block}.", f"encoder.layer.{block}."
        for kind in ("weight", "bias"):
            stored |= attention(state, here, there, kind)
            for ours, theirs in (
                ("attn.proj", "attention.output.dense"),
                ("mlp.fc1", "intermediate.dense"),
                ("mlp.fc2", "output.dense"),
                ("norm1", "layernorm_before"),
                ("norm2", "layernorm_after"),
            ):
                stored[f"{there}{theirs}.{kind}"] = state[f"{here}{ours}.{kind}"]
    return stored


def as_dinov2(state: State) -> State:
    """``Dinov2Model``, or with register tokens ``Dinov2WithRegistersModel``."""
    stored = embeddings(state)
    stored["embeddings.mask_token"] = torch.ones(1, state["cls_token"].shape[-1])
    if "reg_token" in state:
        stored["embeddings.register_tokens"] = state["reg_token"]
        # timm adds no position to the class token, transformers does: as if that were 0.25
        position = torch.full_like(state["cls_token"], 0.25)
        stored["embeddings.cls_token"] = state["cls_token"] - position
        stored["embeddings.position_embeddings"] = torch.cat([position, state["pos_embed"]], 1)
    for block in range(depth(state)):
        here, there = f"blocks.{block}.", f"encoder.layer.{block}."
        for kind in ("weight", "bias"):
            stored |= attention(state, here, there, kind)
            stored[f"{there}attention.output.dense.{kind}"] = state[f"{here}attn.proj.{kind}"]
            for part in ("mlp.fc1", "mlp.fc2", "norm1", "norm2"):
                stored[f"{there}{part}.{kind}"] = state[f"{here}{part}.{kind}"]
        for number in (1, 2):
            stored[f"{there}layer_scale{number}.lambda1"] = state[f"{here}ls{number}.gamma"]
    return stored


def as_gated_dinov2(state: State) -> State:
    """The giant, whose perceptron is gated."""
    return {
        key.replace("mlp.fc1.", "mlp.weights_in.").replace("mlp.fc2.", "mlp.weights_out."): value
        for key, value in as_dinov2(state).items()
    }


def embeddings(state: State) -> State:
    stored = {
        "embeddings.cls_token": state["cls_token"],
        "embeddings.position_embeddings": state["pos_embed"],
    }
    for kind in ("weight", "bias"):
        stored[f"embeddings.patch_embeddings.projection.{kind}"] = state[
            f"patch_embed.proj.{kind}"
        ]
        stored[f"layernorm.{kind}"] = state[f"norm.{kind}"]
    return stored


def as_dinov3(state: State) -> State:
    """``DINOv3ViTModel``: biases of queries and values, none of keys."""
    width = state["cls_token"].shape[-1]
    stored = {
        "embeddings.cls_token": state["cls_token"],
        "embeddings.mask_token": torch.ones(1, 1, width),
        "embeddings.register_tokens": state["reg_token"],
    }
    gated = "blocks.0.mlp.fc1_g.weight" in state
    parts = [("attn.proj", "attention.o_proj"), ("norm1", "norm1"), ("norm2", "norm2")]
    parts += [("mlp.fc2", "mlp.down_proj")]
    if gated:
        parts += [("mlp.fc1_g", "mlp.gate_proj"), ("mlp.fc1_x", "mlp.up_proj")]
    else:
        parts += [("mlp.fc1", "mlp.up_proj")]
    for kind in ("weight", "bias"):
        stored[f"embeddings.patch_embeddings.{kind}"] = state[f"patch_embed.proj.{kind}"]
        stored[f"norm.{kind}"] = state[f"norm.{kind}"]
    for block in range(depth(state)):
        here, there = f"blocks.{block}.", f"layer.{block}."
        stored |= split(
            state, f"{here}attn.qkv.weight", f"{there}attention.{{}}_proj.weight", ("q", "k", "v")
        )
        for part in "qv":
            bias = state.get(f"{here}attn.{part}_bias", torch.zeros(width))
            stored[f"{there}attention.{part}_proj.bias"] = bias.clone()
        for ours, theirs in parts:
            for kind in ("weight", "bias"):
                stored[f"{there}{theirs}.{kind}"] = state[f"{here}{ours}.{kind}"]
        for number in (1, 2):
            stored[f"{there}layer_scale{number}.lambda1"] = state[f"{here}gamma_{number}"]
    return stored


def save(state: State, path: Path) -> Path:
    safetensors.torch.save_file({key: value.contiguous() for key, value in state.items()}, path)
    return path


def features_of(name: str, path: Path) -> Tensor:
    images = torch.rand(1, 3, 112, 112, generator=torch.Generator().manual_seed(0))
    return build_backbone(BackboneConfig(name=name, weights=str(path))).features(images)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        (DINO, as_vit),
        (DINOV2, as_dinov2),
        (DINOV3, as_dinov3),
        (f"{DINOV3}_qkvb", as_dinov3),
        (GATED, as_dinov3),
    ],
)
def test_features_are_bit_equal_to_those_of_timms_own_names(
    name: str, write: Writer, tmp_path: Path
) -> None:
    state = random_state_of(name)
    theirs = save(write(state), tmp_path / "theirs.safetensors")
    ours = save(state, tmp_path / "ours.safetensors")

    assert torch.equal(features_of(name, theirs), features_of(name, ours))


def test_the_class_tokens_position_is_added_where_registers_follow(tmp_path: Path) -> None:
    state = random_state_of(REGISTERS)
    theirs, ours = as_dinov2(state), dict(state)
    # timm's token is the sum of both, with the rounding of that sum
    ours["cls_token"] = (
        theirs["embeddings.cls_token"] + theirs["embeddings.position_embeddings"][:, :1]
    )
    saved = (
        save(theirs, tmp_path / "theirs.safetensors"),
        save(ours, tmp_path / "ours.safetensors"),
    )

    assert torch.equal(features_of(REGISTERS, saved[0]), features_of(REGISTERS, saved[1]))


def test_a_gated_dinov2_is_read(tmp_path: Path) -> None:
    """The giant's architecture, made small."""
    small: dict[str, Any] = {"embed_dim": 48, "depth": 3, "num_heads": 3}
    made = [
        timm.create_model("vit_giant_patch14_dinov2", pretrained=False, num_classes=0, **small)
        for _ in range(2)
    ]
    state = random_state(made[0])
    made[0].load_state_dict(state)
    path = save(as_gated_dinov2(state), tmp_path / "theirs.safetensors")

    load_weights(made[1], path, "vit_giant_patch14_dinov2")

    loaded = made[1].state_dict()
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[key], state[key]) for key in state)


@pytest.mark.parametrize("prefix", ["vit.", "dinov3_vit.", "model.", "backbone.", "module.model."])
def test_prefixes_of_larger_models_are_removed(prefix: str, tmp_path: Path) -> None:
    state = random_state_of(DINOV3)
    stored = {f"{prefix}{key}": value for key, value in as_dinov3(state).items()}
    if prefix != "module.model.":  # a wrapper names its classifier as well
        stored |= {"classifier.weight": torch.ones(3, 384), "classifier.bias": torch.ones(3)}
    path = tmp_path / "weights.pth"
    torch.save({"state_dict": stored}, path)
    ours = save(state, tmp_path / "ours.safetensors")

    assert torch.equal(features_of(DINOV3, path), features_of(DINOV3, ours))


def test_layers_inside_an_encoder_are_read(tmp_path: Path) -> None:
    state = random_state_of(DINOV3)
    stored = {
        f"model.{key}" if key.startswith("layer.") else key: value
        for key, value in as_dinov3(state).items()
    }
    paths = save(stored, tmp_path / "a.safetensors"), save(state, tmp_path / "b.safetensors")

    assert torch.equal(features_of(DINOV3, paths[0]), features_of(DINOV3, paths[1]))


@pytest.mark.parametrize(
    ("name", "write", "wanted"),
    [
        (DINOV3, as_dinov3, "vit_base_patch16_dinov3"),
        (DINOV3, as_dinov3, GATED),
        (DINOV3, as_dinov3, DINOV2),
        (DINOV2, as_dinov2, DINOV3),
        (DINOV2, as_dinov2, REGISTERS),
        (DINO, as_vit, "vit_small_patch8_224.dino"),
        (DINO, as_vit, "vit_tiny_patch16_224"),
    ],
)
def test_another_architecture_is_refused_in_one_line(
    name: str, write: Writer, wanted: str, tmp_path: Path
) -> None:
    path = save(write(random_state_of(name)), tmp_path / "weights.safetensors")

    text = refusal(lambda: features_of(wanted, path))

    assert f"{path}, which have Hugging Face transformers' names, do not fit {wanted!r}" in text


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("layer.3.attention.q_proj.bias", "lacks the part k, q of blocks.3.attn.qkv.bias"),
        ("layer.3.attention.k_proj.weight", "lacks the part k of blocks.3.attn.qkv.weight"),
        ("layer.11.mlp.up_proj.weight", "lacks 1: blocks.11.mlp.fc1.weight"),
        ("norm.bias", "lacks 1: norm.bias"),
    ],
)
def test_a_file_with_a_part_missing_is_refused(lost: str, message: str, tmp_path: Path) -> None:
    stored = as_dinov3(random_state_of(DINOV3))
    del stored[lost]
    path = save(stored, tmp_path / "weights.safetensors")

    assert message in refusal(lambda: features_of(DINOV3, path))


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    stored = as_dinov3(random_state_of(DINOV3))
    stored["layer.0.attention.gate.weight"] = torch.ones(1)
    path = save(stored, tmp_path / "weights.safetensors")

    assert "also has 1: blocks.0.attention.gate.weight" in refusal(
        lambda: features_of(DINOV3, path)
    )


def test_biases_that_the_model_lacks_are_not_lost(tmp_path: Path) -> None:
    stored = as_dinov3(random_state_of(DINOV3))
    stored["layer.5.attention.v_proj.bias"][3] = 0.5
    path = save(stored, tmp_path / "weights.safetensors")

    text = refusal(lambda: features_of(DINOV3, path))

    assert "it has biases such as blocks.5.attn.qkv.bias" in text
    assert "'vit_small_patch16_dinov3_qkvb' takes them" in text


def test_keys_without_biases_are_a_fault_where_the_model_is_not_dinov3(tmp_path: Path) -> None:
    stored = as_dinov2(random_state_of(DINOV2))
    del stored["encoder.layer.2.attention.attention.key.bias"]
    path = save(stored, tmp_path / "weights.safetensors")

    message = "it lacks the part k of blocks.2.attn.qkv.bias"
    assert message in refusal(lambda: features_of(DINOV2, path))
