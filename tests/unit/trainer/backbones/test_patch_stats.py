import numpy as np
import pytest
import torch

from trainer.backbones import BACKBONES, Backbone, build_backbone
from trainer.backbones.patch_stats import FLOOR, OPPONENT, PatchStats
from trainer.config.configuration import BackboneConfig


def random_images(count: int, side: int, seed: int = 0) -> torch.Tensor:
    numbers = np.random.default_rng(seed).random((count, 3, side, side))
    return torch.tensor(numbers, dtype=torch.float32)


@pytest.fixture(params=sorted(BACKBONES))
def backbone(request: pytest.FixtureRequest) -> Backbone:
    return build_backbone(BackboneConfig(name=request.param))


def test_every_backbone_gives_a_grid_of_tokens(backbone: Backbone) -> None:
    side = 5 * backbone.patch

    features = backbone.features(random_images(2, side))

    assert features.shape == (2, 5, 5, backbone.channels)
    assert features.dtype == torch.float32 and not features.requires_grad
    assert features.isfinite().all()


def test_an_images_features_do_not_depend_on_its_batch(backbone: Backbone) -> None:
    images = random_images(3, 4 * backbone.patch)

    together, alone = backbone.features(images), backbone.features(images[1:2])

    # products of other sizes are rounded in another order, in proportion to what is summed
    scale = max(1.0, float(alone.abs().max()))
    assert torch.allclose(together[1:2] / scale, alone / scale, atol=1e-5)


def test_features_are_the_same_each_time(backbone: Backbone) -> None:
    images = random_images(2, 3 * backbone.patch)

    assert torch.equal(backbone.features(images), backbone.features(images))


@pytest.mark.parametrize("patch", [4, 5, 8])
def test_levels_and_spreads_are_those_of_the_windows(patch: int) -> None:
    images = random_images(1, 4 * patch)
    features = PatchStats(patch=patch).features(images)[0].double().numpy()
    colours = np.einsum("oc,chw->ohw", np.array(OPPONENT), images[0].double().numpy())

    for offset, reach in ((0, 0), (22, 1)):
        for row in range(4):
            for column in range(4):
                rows = slice(max(0, row - reach) * patch, (row + reach + 1) * patch)
                columns = slice(max(0, column - reach) * patch, (column + reach + 1) * patch)
                window = colours[:, rows, columns]
                token = features[row, column, offset : offset + 6]
                assert token[:3] == pytest.approx(window.mean(axis=(1, 2)), abs=1e-5)
                spread = np.log(window.std(axis=(1, 2)) + FLOOR)
                assert token[3:] == pytest.approx(spread, abs=1e-3)


def test_slopes_have_the_sign_and_order_of_the_ramp() -> None:
    across = torch.linspace(0, 1, 32).expand(32, 32)
    flat = torch.zeros(3, 32, 32)
    ramps = torch.stack([flat + across, flat - across, flat + across.T, flat + across / 4])

    features = PatchStats(patch=8).features(ramps)[:, 1:3, 1:3]
    lightness_across, lightness_down = features[..., 6], features[..., 9]

    assert (lightness_across[0] > lightness_across[3]).all()
    assert (lightness_across[3] > 0.1).all()
    assert torch.allclose(lightness_across[0], -lightness_across[1], atol=1e-5)
    assert torch.allclose(lightness_across[0], lightness_down[2], atol=1e-5)
    assert lightness_down[0].abs().max() < 1e-3


def test_orientation_distinguishes_upright_from_slanting_stripes() -> None:
    row, column = torch.meshgrid(torch.arange(48.0), torch.arange(48.0), indexing="ij")

    def stripes(phase: torch.Tensor) -> torch.Tensor:
        return (torch.sin(phase) / 2 + 0.5).expand(3, 48, 48)

    images = torch.stack([stripes(column), stripes(row), stripes((row + column) * 0.7)])
    turns = PatchStats(patch=8).features(images)[:, 2:4, 2:4, 12:16].mean(dim=(1, 2))

    assert turns[0, 0] > 0.5 and turns[1, 0] < -0.5 and abs(turns[2, 0]) < 0.2
    assert turns[2, 1] > 0.5 and turns[:2, 1].abs().max() < 0.2


def test_a_constant_image_has_no_texture() -> None:
    features = PatchStats(patch=8).features(torch.full((1, 3, 24, 24), 0.3))

    assert torch.allclose(features, features[:, :1, :1], atol=1e-5)
    assert features[..., 6:16].abs().max() < 1e-3  # slopes and orientations
    assert (features[..., 3:6] - np.log(FLOOR)).abs().max() < 0.1


def test_the_patch_is_in_the_fingerprint() -> None:
    assert PatchStats(patch=8).fingerprint != PatchStats(patch=16).fingerprint
