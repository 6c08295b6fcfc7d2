"""Each output against the network written out: weights by name, one loop over the blocks.

Shape letters: B batch, N tokens with the prefix, T patch tokens, C channels, h heads,
d channels a head.
"""

import dataclasses
import math
from collections.abc import Callable

import pytest
import torch
from torch.nn import functional

from tests.integration.trainer.small_vits import CPU, images_of, random_vit
from trainer.backbones import build_backbone
from trainer.backbones.timm_vit import TimmVit, build_timm_vit
from trainer.config.configuration import BackboneConfig
from trainer.errors import ConfigError
from trainer.features.featuriser import featuriser
from trainer.methods.feature_map import FeatureMap
from trainer.nn.neighbours import local_weights

State = dict[str, torch.Tensor]

HEADS, BLOCKS = 2, 4
ROWS, COLUMNS = 2, 3
NAMES = ["vit_small_patch16_224.dino", "vit_small_patch16_dinov3.lvd1689m"]
VARIANTS = [*NAMES, "vit_small_patch14_dinov2.lvd142m", "vit_small_patch16_dinov3_qkvb.lvd1689m"]
OUTPUTS = ["tokens", "tokens3", "keys3", "attention"]
ATTENTION = FeatureMap(modality="rgb", output="local-attention")


@pytest.fixture(autouse=True)
def _small(shrink: Callable[..., None]) -> None:
    shrink(width=128, heads=HEADS, depth=BLOCKS)


def rotated(heads_BhTd: torch.Tensor) -> torch.Tensor:
    """DINOv3's rotary position embedding, element by element."""
    turned = torch.empty_like(heads_BhTd)
    for token in range(ROWS * COLUMNS):
        place = divmod(token, COLUMNS)
        row, column = (place[0] + 0.5) / ROWS * 2 - 1, (place[1] + 0.5) / COLUMNS * 2 - 1
        for pair in range(32):
            coordinate, period = (row if pair < 16 else column), 100 ** (pair % 16 / 16)
            angle = 2 * math.pi * coordinate / period
            low, high = heads_BhTd[..., token, pair], heads_BhTd[..., token, pair + 32]
            turned[..., token, pair] = low * math.cos(angle) - high * math.sin(angle)
            turned[..., token, pair + 32] = high * math.cos(angle) + low * math.sin(angle)
    return turned


def positions(state: State) -> torch.Tensor:
    """Class position, then those of the patches at the grid's size."""
    patches = state["pos_embed"][:, 1:]
    old = math.isqrt(patches.shape[1])
    square = patches.reshape(1, old, old, -1).permute(0, 3, 1, 2)
    small = functional.interpolate(square, (ROWS, COLUMNS), mode="bicubic", antialias=True)
    return torch.cat([state["pos_embed"][:, :1], small.flatten(2).mT], dim=1)


def restated(vit: TimmVit, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """All outputs with shape (B, T, channels)."""
    state: State = dict(vit.model.state_dict())
    epsilon = 1e-5 if "dinov3" in vit.name else 1e-6
    mean, std = (torch.tensor(part)[:, None, None] for part in (vit.mean, vit.std))

    def norm(tokens: torch.Tensor, name: str) -> torch.Tensor:
        weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        return functional.layer_norm(tokens, weight.shape, weight, bias, epsilon)

    def linear(tokens: torch.Tensor, name: str) -> torch.Tensor:
        return tokens @ state[f"{name}.weight"].T + state.get(f"{name}.bias", torch.zeros(1))

    patches = functional.conv2d(
        (images - mean) / std,
        state["patch_embed.proj.weight"],
        state["patch_embed.proj.bias"],
        stride=vit.patch,
    )
    prefix = [state[name] for name in ("cls_token", "reg_token") if name in state]
    parts = [token.expand(len(images), -1, -1) for token in prefix]
    x = torch.cat([*parts, patches.flatten(2).mT], dim=1)
    first = x.shape[1] - ROWS * COLUMNS
    if "pos_embed" in state:
        x = x + positions(state)
    normed, keys, attention = [], [], torch.zeros(0)
    for block in range(BLOCKS):
        at = f"blocks.{block}"
        qkv = linear(norm(x, f"{at}.norm1"), f"{at}.attn.qkv")
        if f"{at}.attn.q_bias" in state:
            q_bias, v_bias = state[f"{at}.attn.q_bias"], state[f"{at}.attn.v_bias"]
            qkv = qkv + torch.cat([q_bias, torch.zeros_like(q_bias), v_bias])
        q, k, v = torch.unflatten(qkv, -1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        keys.append(k.transpose(1, 2).flatten(2)[:, first:])
        if "dinov3" in vit.name:
            q, k = (
                torch.cat([part[:, :, :first], rotated(part[:, :, first:])], dim=2)
                for part in (q, k)
            )
        attention = (q @ k.mT / math.sqrt(q.shape[-1])).softmax(dim=-1)
        mixed = linear((attention @ v).transpose(1, 2).flatten(2), f"{at}.attn.proj")
        one = torch.ones(1)
        x = x + mixed * state.get(f"{at}.gamma_1", state.get(f"{at}.ls1.gamma", one))
        hidden = functional.gelu(linear(norm(x, f"{at}.norm2"), f"{at}.mlp.fc1"))
        scale = state.get(f"{at}.gamma_2", state.get(f"{at}.ls2.gamma", one))
        x = x + linear(hidden, f"{at}.mlp.fc2") * scale
        normed.append(norm(x, "norm")[:, first:])
    return {
        "tokens": normed[-1],
        "tokens3": torch.cat(normed[-3:], dim=-1),
        "keys3": torch.cat(keys[-3:], dim=-1),
        "attention": attention[:, :, 0, first:].mT,
        "between patches": attention[:, :, first:, first:].mean(dim=1),
    }


@pytest.mark.parametrize("name", VARIANTS)
def test_outputs_are_those_of_the_network_written_out(name: str) -> None:
    vit = random_vit(name)
    images = images_of(vit, ROWS, COLUMNS)
    expected = restated(vit, images)

    for output in OUTPUTS:
        chosen = dataclasses.replace(vit, output=output)
        features = chosen.features(images)
        assert features.shape == (2, ROWS, COLUMNS, chosen.channels)
        assert features.dtype == torch.float32
        assert torch.allclose(features.flatten(1, 2), expected[output], rtol=1e-3, atol=1e-4)
    between = vit.attention(images)
    assert torch.allclose(between, expected["between patches"], rtol=1e-3, atol=1e-5)
    around = featuriser(vit, ATTENTION, odd=()).features(images)
    weights = local_weights(between, (ROWS, COLUMNS))
    assert torch.equal(around.flatten(1, 2), weights)


@pytest.mark.parametrize("name", NAMES)
def test_channels_and_fingerprints_distinguish_outputs(name: str) -> None:
    vits = [
        build_backbone(BackboneConfig(name=name, weights="random", output=output))  # type: ignore[arg-type]
        for output in OUTPUTS
    ]

    assert [vit.channels for vit in vits] == [128, 384, 384, HEADS]
    assert len({vit.fingerprint for vit in vits}) == len(vits)
    default = build_backbone(BackboneConfig(name=name, weights="random"))
    assert default.fingerprint == vits[0].fingerprint and "tokens" not in default.fingerprint


def test_nothing_stays_hooked(shrink: Callable[..., None]) -> None:
    vit = random_vit(NAMES[0])
    images = images_of(vit, ROWS, COLUMNS)
    before = vit.features(images)
    for output in OUTPUTS:
        dataclasses.replace(vit, output=output).features(images)

    assert not any(module._forward_hooks for module in vit.model.modules())
    assert torch.equal(vit.features(images), before)


@pytest.mark.parametrize(
    ("name", "depth", "output", "lack"),
    [
        (NAMES[0], 2, "tokens3", "fewer than 3 blocks"),
        (NAMES[1], 2, "keys3", "fewer than 3 plain attention layers"),
        ("vit_base_patch16_siglip_224", 3, "attention", "no attention of a class token"),
    ],
)
def test_an_output_the_model_lacks_is_refused_in_one_line(
    shrink: Callable[..., None], name: str, depth: int, output: str, lack: str
) -> None:
    shrink(depth=depth)
    with pytest.raises(ConfigError) as caught:
        build_timm_vit(name, "random", CPU, output=output)
    assert lack in str(caught.value) and "\n" not in str(caught.value)


def test_patch_stats_has_only_tokens() -> None:
    assert build_backbone(BackboneConfig()).channels == 44
    with pytest.raises(ConfigError, match="one kind of features"):
        build_backbone(BackboneConfig(output="keys3"))
