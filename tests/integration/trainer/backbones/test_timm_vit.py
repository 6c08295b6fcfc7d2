import os
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

from tests.integration.trainer.backbones.refusals import refusal
from trainer.backbones import Backbone, build_backbone
from trainer.config.configuration import BackboneConfig
from trainer.errors import ConfigError

NAME = "vit_tiny_patch16_224"


def build(weights: str | Path, name: str = NAME) -> Backbone:
    return build_backbone(BackboneConfig(name=name, weights=str(weights)))


@pytest.fixture(scope="module")
def random_vit() -> Backbone:
    return build("random")


@pytest.fixture
def state(random_vit: Backbone) -> dict[str, torch.Tensor]:
    """Its weights, all different from those of another random model."""
    weights = random_vit.model.state_dict()  # type: ignore[attr-defined]
    generator = torch.Generator().manual_seed(1)
    return {
        key: value + 0.02 * torch.randn(value.shape, generator=generator)
        for key, value in weights.items()
    }


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_tokens_are_patches_of_the_final_norm(random_vit: Backbone, images: torch.Tensor) -> None:
    features = random_vit.features(images)

    assert features.shape == (2, 4, 4, random_vit.channels) and random_vit.patch == 16
    model = random_vit.model  # type: ignore[attr-defined]
    normalised = (images - 0.5) / 0.5  # what this architecture's weights were trained with
    with torch.no_grad():
        tokens = model.forward_features(normalised)
    assert torch.allclose(features.flatten(1, 2), tokens[:, 1:], atol=1e-5)
    assert features.mean(dim=-1).abs().max() < 1e-4  # a layer norm has been applied
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_random_weights_are_the_same_each_time(random_vit: Backbone, images: torch.Tensor) -> None:
    before = torch.random.get_rng_state()

    again = build("random")

    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(again.features(images), random_vit.features(images))
    assert again.fingerprint == random_vit.fingerprint and "random" in again.fingerprint


def test_one_model_takes_images_of_two_sizes(random_vit: Backbone) -> None:
    for side in (32, 96):
        features = random_vit.features(torch.rand(1, 3, side, side))
        assert features.shape[1:3] == (side // 16, side // 16)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_from_a_file_are_those_in_it(
    state: dict[str, torch.Tensor],
    suffix: str,
    tmp_path: Path,
    images: torch.Tensor,
    random_vit: Backbone,
) -> None:
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        wrapped = {f"module.backbone.{key}": value for key, value in state.items()}
        torch.save({"teacher": wrapped, "epoch": 3}, path)
    else:
        safetensors.torch.save_file(state, path)

    loaded = build(path)

    random_vit.model.load_state_dict(state)  # type: ignore[attr-defined]
    expected = random_vit.features(images)
    random_vit.model.load_state_dict(build("random").model.state_dict())  # type: ignore[attr-defined]
    assert torch.equal(loaded.features(images), expected)
    assert not torch.equal(loaded.features(images), random_vit.features(images))
    assert loaded.fingerprint != random_vit.fingerprint


def test_the_fingerprint_is_the_contents(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("one.safetensors", "two.safetensors")]
    safetensors.torch.save_file(state, paths[0])
    safetensors.torch.save_file(state, paths[1])
    first, same = (build(path).fingerprint for path in paths)
    state["norm.bias"] = state["norm.bias"] + 1
    safetensors.torch.save_file(state, paths[1])

    assert first == same != build(paths[1]).fingerprint


def test_a_classifier_in_the_file_is_left_out(
    state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "weights.safetensors"
    classifier = {"head.weight": torch.zeros(10, 192), "head.bias": torch.zeros(10)}
    safetensors.torch.save_file({**state, **classifier}, path)

    assert build(path).channels == 192


def test_loading_is_strict(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    del state["blocks.3.attn.qkv.weight"]
    state["blocks.0.extra"] = torch.zeros(1)
    state["norm.weight"] = torch.zeros(5)
    safetensors.torch.save_file(state, path)

    text = refusal(lambda: build(path))

    assert "lacks 1: blocks.3.attn.qkv.weight" in text
    assert "also has 1: blocks.0.extra" in text
    assert "other shape: 1: norm.weight" in text


def test_many_missing_weights_are_listed_briefly(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    safetensors.torch.save_file({"other.weight": torch.zeros(2)}, path)

    assert "more" in refusal(lambda: build(path))


def test_another_architectures_weights_are_refused(
    state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "weights.safetensors"
    safetensors.torch.save_file(state, path)

    text = refusal(lambda: build(path, name="vit_small_patch16_dinov3"))
    assert "do not fit 'vit_small_patch16_dinov3'" in text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("weights.safetensors", b"junk" * 100),
        ("weights.safetensors", b""),
        ("weights.pth", b"junk" * 100),
        ("weights.pth", b""),
        ("weights.pth", b"PK\x03\x04" + b"0" * 100),
        ("weights.pth", b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93."),
    ],
)
def test_a_file_without_weights_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)

    assert "cannot read the weights" in refusal(lambda: build(tmp_path / name))


def test_code_in_a_weights_file_is_not_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    torch.save({"model": Trap()}, tmp_path / "weights.pth")

    assert "cannot read the weights" in refusal(lambda: build(tmp_path / "weights.pth"))
    assert not (tmp_path / "sprung").exists()


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    text = refusal(lambda: build(tmp_path / "none.safetensors"))

    assert "is not a file: give 'hub', the path" in text and "'random'" in text


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vit_tiny_patch16_225", "such as vit_tiny_patch16_224"),
        ("patch-statistics", "give 'patch-stats'"),
        ("resnet5", "or a model of timm, such as"),
        ("resnet50.nonsense", "choose a tag of"),
        ("vit_tiny_patch16_224.nonsense", "choose a tag of"),
    ],
)
def test_an_unknown_name_is_refused(name: str, message: str) -> None:
    assert message in refusal(lambda: build("random", name=name), ConfigError)


def test_without_a_network_the_hub_is_one_line_and_never_random(tmp_path: Path) -> None:
    """In a separate process, because the hub client reads its settings when imported."""
    program = (
        "from trainer.backbones import build_backbone\n"
        "from trainer.config.configuration import BackboneConfig\n"
        "from trainer.errors import WeightsError\n"
        "try:\n"
        f"    build_backbone(BackboneConfig(name={NAME!r}, weights='hub'))\n"
        "except WeightsError as error:\n"
        "    print(error)\n"
    )
    settings = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=120,
    )

    lines = done.stdout.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("cannot fetch model.safetensors of timm/vit_tiny_patch16_224")
    assert "backbone.weights" in lines[0] and "'random'" in lines[0]


@pytest.fixture(scope="module")
def dinov3() -> dict[str, torch.Tensor]:
    """Weights of a DINOv3 as its authors store them: one bias of queries, keys and values."""
    model = build("random", name="vit_small_patch16_dinov3").model  # type: ignore[attr-defined]
    stored = {}
    for key, value in model.state_dict().items():
        key = key.replace("gamma_1", "ls1.gamma").replace("gamma_2", "ls2.gamma")
        stored[key.replace("reg_token", "storage_tokens")] = value.clone()
    biases = {f"blocks.{block}.attn.qkv.bias": torch.zeros(3 * 384) for block in range(12)}
    return stored | biases


@pytest.mark.parametrize("third", [0, 2])
def test_biases_that_the_model_lacks_are_not_lost(
    dinov3: dict[str, torch.Tensor], third: int, tmp_path: Path
) -> None:
    bias = torch.zeros(3 * 384)
    bias[384 * third] = 0.5
    path = tmp_path / "weights.safetensors"
    safetensors.torch.save_file({**dinov3, "blocks.7.attn.qkv.bias": bias}, path)

    text = refusal(lambda: build(path, name="vit_small_patch16_dinov3"))
    assert "it has biases such as blocks.7.attn.qkv.bias" in text
    assert "'vit_small_patch16_dinov3_qkvb' takes them" in text
    variant = build(path, name="vit_small_patch16_dinov3_qkvb")
    attention = variant.model.blocks[7].attn  # type: ignore[attr-defined]
    kept = torch.cat([attention.q_bias, attention.v_bias])
    assert kept.count_nonzero() == 1 and kept[384 * (third // 2)] == 0.5


def test_masked_biases_of_keys_load_and_print_nothing(
    dinov3: dict[str, torch.Tensor], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "weights.safetensors"
    bias, mask = torch.zeros(3 * 384), torch.ones(3 * 384)
    bias[384:768] = 0.5
    mask[384:768] = 0
    name = "blocks.7.attn.qkv.bias"
    safetensors.torch.save_file({**dinov3, name: bias, f"{name}_mask": mask}, path)

    assert build(path, name="vit_small_patch16_dinov3").channels == 384
    assert capsys.readouterr().out == ""
    safetensors.torch.save_file({**dinov3, name: bias}, path)
    text = refusal(lambda: build(path, name="vit_small_patch16_dinov3"))
    assert f"it has biases of keys such as {name}, which DINOv3 masks" in text


@pytest.mark.parametrize("wrapper", ["", "model", "model_ema", "module"])
def test_patches_of_another_size_are_not_resampled(
    state: dict[str, torch.Tensor], wrapper: str, tmp_path: Path
) -> None:
    path = tmp_path / "weights.pth"
    state["patch_embed.proj.weight"] = torch.rand(192, 3, 8, 8)
    torch.save({wrapper: state} if wrapper else state, path)

    assert "its patches are 8 x 8 pixels, not 16" in refusal(lambda: build(path))
