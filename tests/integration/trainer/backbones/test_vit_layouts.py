"""Each family's weights, written in each published layout and read back."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from tests.integration.trainer.small_vits import CPU, images_of, random_vit
from trainer.backbones.timm_vit import TimmVit, build_timm_vit
from trainer.errors import ConfigError, WeightsError

State = dict[str, torch.Tensor]

DINOV3 = [
    "vit_small_patch16_dinov3.lvd1689m",
    "vit_small_plus_patch16_dinov3.lvd1689m",
    "vit_base_patch16_dinov3.lvd1689m",
    "vit_large_patch16_dinov3.lvd1689m",
]
DINOV2 = ["vit_small_patch14_dinov2.lvd142m", "vit_base_patch14_dinov2.lvd142m"]
DINO = ["vit_small_patch8_224.dino", "vit_small_patch16_224.dino", "vit_base_patch8_224.dino"]
QKVB = "vit_small_patch16_dinov3_qkvb.lvd1689m"
REGISTERS = "vit_small_patch14_reg4_dinov2.lvd142m"


@pytest.fixture(autouse=True)
def _small(shrink: Callable[..., None]) -> None:
    shrink()


def own_state(vit: TimmVit) -> State:
    return {key: value.clone() for key, value in vit.model.state_dict().items()}


def periods_of(vit: TimmVit) -> torch.Tensor:
    model: Any = vit.model
    periods: torch.Tensor = model.rope.periods
    return periods


def round_periods(vit: TimmVit) -> None:
    periods_of(vit).copy_(periods_of(vit).bfloat16().float())


def as_dinov3(vit: TimmVit) -> State:
    """As the DINOv3 authors store it: masked biases, periods, a token for masked patches."""
    model: Any = vit.model
    width, stored = model.embed_dim, {}
    for key, value in own_state(vit).items():
        key = key.replace("gamma_1", "ls1.gamma").replace("gamma_2", "ls2.gamma")
        key = key.replace("mlp.fc1_g", "mlp.w1").replace("mlp.fc1_x", "mlp.w2")
        if "fc1_g" in "".join(vit.model.state_dict()):
            key = key.replace("mlp.fc2", "mlp.w3")
        stored[key.replace("reg_token", "storage_tokens")] = value
    for block in range(len(model.blocks)):
        bias = f"blocks.{block}.attn.qkv.bias"
        thirds = [stored.pop(f"blocks.{block}.attn.{x}_bias", torch.zeros(width)) for x in "qv"]
        stored[bias] = torch.cat([thirds[0], torch.full((width,), 7.0), thirds[1]])
        ones = torch.ones(width)
        stored[f"{bias}_mask"] = torch.cat([ones, torch.zeros(width), ones])
    stored["mask_token"] = torch.zeros(1, width)
    stored["rope_embed.periods"] = periods_of(vit).bfloat16()
    return stored


def as_dinov2(vit: TimmVit) -> State:
    stored = own_state(vit)
    if "reg_token" in stored:
        stored["register_tokens"] = stored.pop("reg_token")
        position = torch.full_like(stored["cls_token"], 0.3)
        stored["cls_token"] = stored["cls_token"] - position
        stored["pos_embed"] = torch.cat([position, stored["pos_embed"]], dim=1)
    return stored | {"mask_token": torch.zeros_like(own_state(vit)["cls_token"][0])}


def as_authors(vit: TimmVit) -> State:
    if "dinov3" in vit.name:
        return as_dinov3(vit)
    return as_dinov2(vit) if "dinov2" in vit.name else own_state(vit)


def check_same(path: Path, vit: TimmVit) -> TimmVit:
    loaded = build_timm_vit(vit.name, str(path), CPU)
    images = images_of(vit)
    assert torch.allclose(loaded.features(images), vit.features(images), atol=1e-5)
    return loaded


@pytest.mark.parametrize("name", [*DINOV3, QKVB, *DINOV2, REGISTERS, *DINO])
def test_every_layout_of_a_family_reads_back(name: str, tmp_path: Path) -> None:
    vit = random_vit(name)
    if "dinov3" in name:  # the authors' models compute with the rounded periods they store
        round_periods(vit)
        torch.save(as_authors(vit), tmp_path / "authors.pth")
        loaded = check_same(tmp_path / "authors.pth", vit)
        assert torch.equal(periods_of(loaded), periods_of(vit))
        vit = random_vit(name)  # timm computes them itself
    else:
        torch.save(as_authors(vit), tmp_path / "authors.pth")
        check_same(tmp_path / "authors.pth", vit)
    safetensors.torch.save_file(own_state(vit), tmp_path / "timm.safetensors")
    check_same(tmp_path / "timm.safetensors", vit)


@pytest.mark.parametrize("name", [DINOV3[0], DINOV2[0], DINO[1]])
def test_a_training_checkpoint_gives_its_teacher_without_heads(name: str, tmp_path: Path) -> None:
    vit = random_vit(name)
    if "dinov3" in name:
        round_periods(vit)
    teacher = {f"backbone.{key}": value for key, value in as_authors(vit).items()}
    head = "head" if name in DINO else "dino_head"
    teacher[f"{head}.mlp.0.weight"] = torch.ones(3, 3)
    teacher[f"{head}.last_layer.weight_g"] = torch.ones(3, 1)
    student = {f"module.{key}": torch.zeros_like(value) for key, value in teacher.items()}
    arguments = argparse.Namespace(arch="vit_small", lr=0.1)
    content = {"student": student, "teacher": teacher, "epoch": 100, "args": arguments}
    torch.save(content, tmp_path / "checkpoint.pth")

    check_same(tmp_path / "checkpoint.pth", vit)
    wrapped = {f"module.{key}": value for key, value in teacher.items()}
    torch.save({"model": wrapped}, tmp_path / "wrapped.pth")
    check_same(tmp_path / "wrapped.pth", vit)


@pytest.mark.parametrize("name", [DINOV3[0], DINOV3[1], DINOV2[0], DINO[1]])
def test_missing_additional_and_resized_weights_are_listed(name: str, tmp_path: Path) -> None:
    state = as_authors(random_vit(name))
    del state["blocks.1.norm2.weight"]
    state["blocks.1.surplus"] = torch.zeros(1)
    state["norm.bias"] = torch.zeros(5)
    torch.save(state, tmp_path / "weights.pth")

    with pytest.raises(WeightsError) as caught:
        build_timm_vit(name, str(tmp_path / "weights.pth"), CPU)

    text = str(caught.value)
    assert "\n" not in text
    for phrase in (
        "lacks 1: blocks.1.norm2.weight",
        "also has 1: blocks.1.surplus",
        "other shape: 1: norm.bias",
    ):
        assert phrase in text


def refusal(name: str, state: State, tmp_path: Path) -> str:
    torch.save(state, tmp_path / "weights.pth")
    with pytest.raises(WeightsError) as caught:
        build_timm_vit(name, str(tmp_path / "weights.pth"), CPU)
    return str(caught.value)


def test_another_size_of_the_family_is_refused(
    shrink: Callable[..., None], tmp_path: Path
) -> None:
    state = as_dinov3(random_vit(DINOV3[0]))
    shrink(width=128, heads=2)
    assert "other shape: " in refusal(DINOV3[0], state, tmp_path)
    shrink(depth=1)
    assert "also has 1" in refusal(DINOV3[0], state, tmp_path)


def test_positions_of_another_resolution_are_not_resampled(tmp_path: Path) -> None:
    for name in (DINOV2[0], DINO[1]):
        state = as_authors(random_vit(name))
        state["pos_embed"] = state["pos_embed"][:, :101]
        assert "other shape: 1: pos_embed" in refusal(name, state, tmp_path)
    foreign = {f"visual.trunk.{key}": value for key, value in state.items()}
    text = refusal("vit_tiny_patch16_224", foreign, tmp_path)
    assert "its visual.trunk.pos_embed has 101 positions, not 197" in text


def test_layouts_that_timm_knows_still_load(tmp_path: Path) -> None:
    vit = random_vit("vit_tiny_patch16_224")
    renamed = {f"visual.trunk.{key}": value for key, value in own_state(vit).items()}
    torch.save(renamed, tmp_path / "openclip.pth")
    check_same(tmp_path / "openclip.pth", vit)


def test_other_periods_and_masks_are_refused(tmp_path: Path) -> None:
    state = as_dinov3(random_vit(DINOV3[0]))
    periods = state["rope_embed.periods"]
    state["rope_embed.periods"] = periods * 1.1
    assert "other periods" in refusal(DINOV3[0], state, tmp_path)
    state["rope_embed.periods"] = periods
    state["blocks.0.attn.qkv.bias_mask"] = state["blocks.0.attn.qkv.bias_mask"] * torch.nan
    assert "is not a mask" in refusal(DINOV3[0], state, tmp_path)
    del state["blocks.0.attn.qkv.bias"]
    assert "also has 1: blocks.0.attn.qkv.bias_mask" in refusal(DINOV3[0], state, tmp_path)


def test_the_message_on_biases_names_the_model_that_has_them(tmp_path: Path) -> None:
    for state in (as_dinov3(random_vit(QKVB)), own_state(random_vit(QKVB))):
        assert f"{QKVB!r} takes them" in refusal(DINOV3[0], state, tmp_path)


def test_a_name_that_leaves_the_normalisation_open_needs_its_tag(tmp_path: Path) -> None:
    vit = random_vit(DINO[1])
    torch.save(own_state(vit), tmp_path / "weights.pth")

    with pytest.raises(ConfigError, match="give the name with its tag, one of"):
        build_timm_vit("vit_small_patch16_224", str(tmp_path / "weights.pth"), CPU)
    assert vit.mean == (0.485, 0.456, 0.406)
