"""Maps that a method reads besides the features: their content, and that they are shared."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from trainer.commands.cache import list_cache
from trainer.config.configuration import (
    BackboneConfig,
    DataConfig,
    FeatureConfig,
    MethodConfig,
    TrainConfig,
)
from trainer.datasets import open_dataset
from trainer.errors import ConfigError
from trainer.features import prepare, validate
from trainer.features.dataset_summary import dataset_summary
from trainer.features.extraction import SquareRule
from trainer.features.featuriser import featuriser, map_channels
from trainer.features.inventory import list_entries
from trainer.features.prepare import open_backbone, open_dataset_features
from trainer.methods.feature_map import FeatureMap, Output

CPU = torch.device("cpu")
STEGO = TrainConfig(
    data=DataConfig(options={"train": 2, "val": 1, "test": 1, "size": 48}),
    features=FeatureConfig(train_resolution=24, eval_resolution=48, dtype="float32"),
    method=MethodConfig(name="stego"),
)
DEPTHG = dataclasses.replace(STEGO, method=MethodConfig(name="depthg"))
DEPTH = FeatureMap(modality="depth", output="pixels")


def test_pixels_are_the_means_of_the_squares(tmp_path: Path) -> None:
    made = prepare(DEPTHG, cache=tmp_path).train.maps
    assert list(made) == [DEPTH]
    data_set = open_dataset(DEPTHG.data)
    rule = SquareRule(crop="five", side=24)
    squares = [
        square
        for name in data_set.train.names
        for square in rule.images(data_set.source.image(name, "depth"), "bilinear")
    ]
    expected = torch.stack(squares).view(-1, 3, 3, 8, 3, 8).mean(dim=(3, 5))
    np.testing.assert_allclose(made[DEPTH], expected.permute(0, 2, 3, 1).numpy(), atol=1e-6)


def test_a_method_without_maps_finds_its_earlier_entry(tmp_path: Path) -> None:
    plain, also = prepare(STEGO, cache=tmp_path), prepare(DEPTHG, cache=tmp_path)
    assert plain.fingerprints["bank"] != also.fingerprints["bank"]
    assert plain.train.maps == {}
    assert plain.folder is not None and also.folder is not None
    for name in ("train.rgb", "val.depth", "test.rgb"):  # linked, not computed again
        assert (plain.folder / f"{name}.npy").samefile(also.folder / f"{name}.npy")
    changed = dataclasses.replace(DEPTHG.method, options={"affinity": "released"})
    same = prepare(dataclasses.replace(DEPTHG, method=changed), cache=tmp_path)
    assert same.folder == also.folder
    opened = open_dataset_features(also.folder, verify="all")
    assert torch.equal(
        torch.from_numpy(np.array(opened.train.maps[DEPTH])),
        torch.from_numpy(np.array(also.train.maps[DEPTH])),
    )


def test_the_list_names_the_maps_of_an_entry(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(STEGO, cache=tmp_path)
    prepare(DEPTHG, cache=tmp_path)
    assert {entry.maps for entry in list_entries(tmp_path)} == {(), ("plain pixels of depth",)}
    list_cache(cache=tmp_path, as_json=True)
    listed = json.loads(capsys.readouterr().out)
    assert sorted(each["maps"] for each in listed) == [[], ["plain pixels of depth"]]
    list_cache(cache=tmp_path, as_json=False)
    assert capsys.readouterr().out.count("plain pixels of depth") == 1


def test_the_size_of_an_entry_includes_its_maps(tmp_path: Path) -> None:
    crops, tokens = 2 * 5, 3 * 3
    more = dataset_summary(DEPTHG).cache_bytes - dataset_summary(STEGO).cache_bytes
    assert more == crops * tokens * 3 * np.dtype(np.float32).itemsize


@pytest.mark.parametrize("output", ["tokens", "pixels"])
def test_a_view_is_taken_before_the_output(output: Output) -> None:
    backbone = open_backbone(STEGO, CPU)
    images = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    plain = dataclasses.replace(DEPTH, output=output)
    flipped = dataclasses.replace(plain, view="flipped")
    made = featuriser(backbone, flipped, odd=(1,)).features(images)
    mirrored = images.flip(-1)
    mirrored[:, 1] = 1 - mirrored[:, 1]
    assert torch.equal(made, featuriser(backbone, plain, odd=()).features(mirrored))
    assert made.shape[-1] == map_channels(flipped, backbone.channels)


def jittered(images: torch.Tensor) -> torch.Tensor:
    """The images with other colours, as tokens of a pixel."""
    pixels = dataclasses.replace(DEPTH, view="jittered")
    backbone = open_backbone(
        dataclasses.replace(STEGO, backbone=BackboneConfig(patch=1)), torch.device("cpu")
    )
    return featuriser(backbone, pixels, odd=()).features(images).permute(0, 3, 1, 2)


def test_jitter_changes_colours_of_each_image_and_nothing_else() -> None:
    images = torch.rand(40, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * 0.4 + 0.3
    made = jittered(images)
    assert made.shape == images.shape and 0 <= made.min() and made.max() <= 1
    assert torch.equal(made, jittered(images))  # drawn from a named seed
    weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    light, before = ((each * weights).sum(dim=1).mean(dim=(1, 2)) for each in (made, images))
    change = light / before
    assert 0.69 < change.min() < 0.8 and 1.2 < change.max() < 1.31
    saturation = (made.amax(dim=1) - made.amin(dim=1)).mean(dim=(1, 2))
    grey = (saturation < 1e-5).double().mean().item()
    assert 0.05 < grey < 0.4
    flat = torch.full((6, 3, 4, 4), 0.5)
    assert (jittered(flat).flatten(2).std(dim=-1) < 1e-5).all()  # places do not differ


def test_attention_of_a_backbone_without_any_is_refused_before_work_is_spent(
    tmp_path: Path,
) -> None:
    method = MethodConfig(name="hp", options={"local": "attention"})
    config = dataclasses.replace(STEGO, method=method)
    for refused in (validate, lambda config: prepare(config, cache=tmp_path)):
        with pytest.raises(ConfigError, match="'patch-stats' has none") as caught:
            refused(config)
        assert "\n" not in str(caught.value)
    assert not any(tmp_path.rglob("*.npy"))


def test_every_second_image_is_blurred_by_a_gaussian() -> None:
    images = torch.zeros(60, 3, 5, 5)
    images[:, :, 2, 2] = 1
    pixels = dataclasses.replace(DEPTH, view="blurred")
    backbone = open_backbone(
        dataclasses.replace(STEGO, backbone=BackboneConfig(patch=1)), torch.device("cpu")
    )
    made = featuriser(backbone, pixels, odd=()).features(images)[..., 0]
    assert torch.allclose(made.sum(dim=(1, 2)), torch.ones(60))
    sharp = (made[:, 2, 2] == 1).sum().item()
    assert 20 < sharp < 40  # half of them, at random
    for each in made:
        side = (each[2, 1] / each[2, 2]).item()
        assert each[1, 1].item() == pytest.approx(each[2, 2].item() * side**2, abs=1e-6)
        assert 0 <= side <= np.exp(-0.5 / 2.0**2) + 1e-6
