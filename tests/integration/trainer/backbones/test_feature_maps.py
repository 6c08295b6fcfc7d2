"""Models of timm with feature maps: which maps, on which grid, with which weights."""

from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.integration.trainer.backbones.refusals import refusal
from trainer.backbones import build_backbone
from trainer.backbones.feature_maps import FeatureMaps
from trainer.config.configuration import BackboneConfig
from trainer.errors import ConfigError, WeightsError

#: One model of each family that is read differently, and its maps.
COUNTS = {"test_convnext": 4, "test_resnet": 5, "test_efficientnet": 5, "mobilenetv3_small_050": 6}


def build(name: str, weights: str | Path = "random", **settings: Any) -> FeatureMaps:
    made = build_backbone(BackboneConfig(name=name, weights=str(weights), **settings))
    assert isinstance(made, FeatureMaps)
    return made


def images_of(rows: int, columns: int, count: int = 2) -> Tensor:
    return torch.rand(count, 3, rows, columns, generator=torch.Generator().manual_seed(0))


def normalised(backbone: FeatureMaps, images: Tensor) -> Tensor:
    mean, std = (torch.tensor(part)[:, None, None] for part in (backbone.mean, backbone.std))
    return (images - mean) / std


def output_of(backbone: FeatureMaps, module: nn.Module, images: Tensor) -> Tensor:
    """Output of a module while the whole model runs, with shape (B, C, H, W)."""
    kept: list[Tensor] = []
    handle = module.register_forward_hook(lambda _, given, made: kept.append(made))
    with torch.no_grad():
        backbone.model(normalised(backbone, images))
    handle.remove()
    return kept[0]


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("blocks", [None, (1,), (1, 2, 3)])
def test_images_of_any_number_of_tokens_become_that_grid(
    name: str, blocks: tuple[int, ...] | None
) -> None:
    backbone = build(name, blocks=blocks)

    for rows, columns in ((2, 2), (3, 5), (7, 1)):
        images = images_of(rows * backbone.patch, columns * backbone.patch)
        features = backbone.features(images)
        assert features.shape == (2, rows, columns, backbone.channels)
        assert features.dtype == torch.float32 and not features.requires_grad
        assert features.isfinite().all() and torch.equal(features, backbone.features(images))
        assert torch.allclose(backbone.features(images[1:])[0], features[1], atol=1e-4)
    assert not any(parameter.requires_grad for parameter in backbone.model.parameters())


@pytest.mark.parametrize(
    ("name", "block", "module"),
    [
        ("test_resnet", 0, "act1"),
        ("test_resnet", 3, "layer3"),
        ("test_resnet", None, "layer4"),
        ("test_convnext", 2, "stages.2"),
        ("test_convnext", None, "head.norm"),
        ("test_efficientnet", 2, "blocks.2"),
        ("mobilenetv3_small_050", 3, "blocks.3"),
        ("mobilenetv3_small_050", None, "blocks.5"),
    ],
)
def test_a_map_is_the_output_of_its_module(name: str, block: int | None, module: str) -> None:
    backbone, images = build(name, blocks=None if block is None else (block,)), images_of(64, 96)
    if module == "head.norm":  # the head pools before it norms: take the last stage's output
        model: Any = backbone.model
        expected = model.head.norm(output_of(backbone, model.stages[-1], images))
    else:
        expected = output_of(backbone, backbone.model.get_submodule(module), images)

    features = backbone.features(images).permute(0, 3, 1, 2)

    assert backbone.patch == 64 // expected.shape[2]
    assert torch.allclose(features, expected, atol=1e-4)


@pytest.mark.parametrize("stride", [None, 8, 16, 32])
def test_maps_are_resampled_to_one_grid_by_means_and_interpolation(stride: int | None) -> None:
    backbone, images = build("test_resnet", blocks=(4, 2, 3), stride=stride), images_of(64, 96)
    patch = 8 if stride is None else stride
    maps = [build("test_resnet", blocks=(each,)).features(images) for each in (2, 3, 4)]
    size, parts = (64 // patch, 96 // patch), []
    for made in maps:
        map_BCHW = made.permute(0, 3, 1, 2)
        finer = map_BCHW.shape[2] > size[0]
        if finer:
            parts.append(functional.adaptive_avg_pool2d(map_BCHW, size))
        else:
            parts.append(functional.interpolate(map_BCHW, size, mode="bilinear"))

    features = backbone.features(images).permute(0, 3, 1, 2)

    assert backbone.patch == patch and backbone.strides == (8, 16, 32)
    assert torch.allclose(features, torch.cat(parts, dim=1), atol=1e-5)


def test_images_are_extended_by_their_last_pixels_to_multiples_of_the_stride() -> None:
    backbone = build("test_resnet", blocks=(2, 4))
    images = images_of(72, 88)
    continued = functional.pad(images, (0, 8, 0, 24), mode="replicate")

    assert torch.equal(backbone.features(images), backbone.features(continued)[:, :9, :11])


def test_random_weights_are_the_same_each_time_and_leave_torchs_generator() -> None:
    before = torch.random.get_rng_state()
    one, other = build("test_resnet"), build("test_resnet")
    assert torch.equal(before, torch.random.get_rng_state())
    assert one.fingerprint == other.fingerprint and "random" in one.fingerprint
    assert torch.equal(one.features(images_of(64, 64)), other.features(images_of(64, 64)))


def test_the_fingerprint_names_maps_and_grid() -> None:
    settings: list[dict[str, Any]] = [{}, {"blocks": (3,)}, {"blocks": (3, 4)}, {"stride": 16}]
    assert len({build("test_resnet", **each).fingerprint for each in settings}) == len(settings)
    assert (
        build("test_resnet", blocks=(4, 3)).fingerprint
        == build("test_resnet", blocks=(3, 4)).fingerprint
    )
    assert build("test_resnet", blocks=(4,)).fingerprint == build("test_resnet").fingerprint


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("blocks", [(), (-1,), (1, 1), (0, 99)])
def test_missing_maps_are_refused(name: str, blocks: tuple[int, ...]) -> None:
    text = refusal(lambda: build(name, blocks=blocks), ConfigError)
    count = COUNTS[name]
    assert f"{name!r}, which has {count}: give numbers from 0 to {count - 1}" in text


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "test_resnet", "stride": 24}, "backbone.stride = 24 does not match"),
        ({"name": "test_resnet", "stride": 0}, "backbone.stride = 0 is too small"),
        ({"name": "test_resnet", "output": "keys3"}, "set backbone.output to 'tokens'"),
        (
            {"name": "test_resnet", "weights": "package"},
            "a package with weights exists for efficientnet-lite0",
        ),
        (
            {"name": "vit_tiny_patch16_224", "weights": "package"},
            "a package with weights exists for efficientnet-lite0",
        ),
        ({"name": "vit_tiny_patch16_224", "blocks": (3,)}, "choose by backbone.output"),
        ({"name": "vit_tiny_patch16_224", "stride": 8}, "backbone.stride is for models"),
        ({"name": "patch-stats", "stride": 8}, "set backbone.patch"),
        ({"name": "swin_tiny_patch4_window7_224"}, "cannot take images of more than one size"),
        ({"name": "test_resnett"}, "such as test_resnet"),
        ({"name": "test_resnet.nonsense"}, "choose a tag of r160_in1k"),
    ],
)
def test_settings_that_do_not_match_a_model_are_refused(
    settings: dict[str, Any], message: str
) -> None:
    asked = {"weights": "random", **settings}
    assert message in refusal(lambda: build_backbone(BackboneConfig(**asked)), ConfigError)


@pytest.fixture(params=COUNTS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def state(name: str) -> dict[str, Tensor]:
    """Weights that no other random model has, and those of a classifier."""
    model, generator = build(name).model, torch.Generator().manual_seed(1)
    settings: Any = model.pretrained_cfg
    return {
        f"{settings['classifier']}.weight": torch.zeros(10, 4),
        **{
            key: value + 0.02 * torch.rand(value.shape, generator=generator)
            if value.is_floating_point()
            else value
            for key, value in model.state_dict().items()
        },
    }


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_from_a_file_are_those_in_it(
    name: str, state: dict[str, Tensor], suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": {f"module.{key}": each for key, each in state.items()}}, path)
    else:
        safetensors.torch.save_file(state, path)

    loaded = build(name, path)

    own = loaded.model.state_dict()
    assert len(own) == len(state) - 1  # all but the classifier's
    assert all(torch.equal(value, state[key]) for key, value in own.items())
    assert loaded.fingerprint != build(name).fingerprint


def test_loading_is_strict(name: str, state: dict[str, Tensor], tmp_path: Path) -> None:
    path, (_, first, second, *_) = tmp_path / "weights.safetensors", list(state)
    del state[first]
    state["stem.extra"] = torch.zeros(1)
    state[second] = torch.zeros(3, 5, 7)
    safetensors.torch.save_file(state, path)

    text = refusal(lambda: build(name, path), WeightsError)

    assert f"lacks 1: {first}" in text and "also has 1: stem.extra" in text
    assert f"other shape: 1: {second}" in text


def test_a_convnext_by_its_authors_names_is_the_same(tmp_path: Path) -> None:
    model, path = build("test_convnext").model, tmp_path / "weights.safetensors"
    renames = (
        ("head.norm.", "norm."), ("stem.", "downsample_layers.0."), (".blocks.", "."),
        ("conv_dw", "dwconv"), ("mlp.fc", "pwconv"),
    )  # fmt: skip
    named = {}
    for key, value in model.state_dict().items():
        for ours, theirs in renames:
            key = key.replace(ours, theirs)
        if ".downsample." in key:
            _, stage, _, rest = key.split(".", 3)
            key = f"downsample_layers.{stage}.{rest}"
        named[key] = value + 0.5
    safetensors.torch.save_file(named, path)

    loaded = build("test_convnext", path).model.state_dict()

    for key, value in model.state_dict().items():
        assert torch.equal(loaded[key], value + 0.5), key
    del named["norm.weight"]
    safetensors.torch.save_file(named, path)
    assert "head.norm" in refusal(lambda: build("test_convnext", path), WeightsError)
