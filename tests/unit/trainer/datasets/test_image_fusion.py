"""Fused images: the modality ``fused`` of data sets with RGB and thermal images."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from search.config.configuration import resolve_layers
from search.planning.checking import check_dataset
from tests.fakes.data_sets import folder, mfnet, nyu
from tests.fakes.data_sets.pictures import HEIGHT, WIDTH, noise, save
from tests.fakes.trainer_command import call_trainer
from trainer.config.configuration import BackboneConfig, DataConfig, FeatureConfig, TrainConfig
from trainer.config.sources import read_layers
from trainer.config.toml_records import record_to_table, toml_text
from trainer.datasets import find_dataset, open_dataset
from trainer.datasets.image_fusion import IMAGE_FUSIONS
from trainer.datasets.image_fusion import max_gradient as fusing
from trainer.datasets.image_fusion.max_gradient import (
    LUMA,
    MaxGradientOptions,
    fuse,
    larger_differences,
    solve_poisson,
)
from trainer.datasets.image_fusion.swinfusion.network import SMALL
from trainer.datasets.image_fusion.swinfusion.training import fresh_network
from trainer.datasets.image_fusion.swinfusion.weights import write_weights
from trainer.errors import ConfigError, DataError
from trainer.features import prepare
from trainer.features.inventory import list_entries

OPTIONS = MaxGradientOptions()


def fused(config: DataConfig, *others: str, **settings: Any) -> DataConfig:
    """The data set with the modality ``fused`` after others."""
    return dataclasses.replace(config, modalities=(*others, "fused"), **settings)


def of_rgb_and_thermal(root: Path) -> DataConfig:
    """Images in files of their own, from the user's description."""
    return folder.LAYOUTS["lists"](root)


def line_of(error: pytest.ExceptionInfo[Exception]) -> str:
    """The message, which has one line."""
    assert "\n" not in str(error.value)
    return str(error.value)


# The solver and the wanted differences.


@pytest.mark.parametrize("size", [(5, 7), (6, 4), (1, 6), (3, 1)])
@pytest.mark.parametrize("weight", [0.01, 1.0])
def test_the_solution_is_that_of_dense_least_squares(size: tuple[int, int], weight: float) -> None:
    rng = np.random.default_rng(3)
    height, width = size
    target = rng.random(size)
    down, across = rng.normal(size=(height - 1, width)), rng.normal(size=(height, width - 1))
    rows, wanted = [np.sqrt(weight) * np.eye(height * width)], [np.sqrt(weight) * target.ravel()]
    index = np.arange(height * width).reshape(size)
    for first, second, difference in (
        (index[:-1], index[1:], down),
        (index[:, :-1], index[:, 1:], across),
    ):
        pairs = np.zeros((difference.size, height * width))
        pairs[np.arange(difference.size), second.ravel()] = 1
        pairs[np.arange(difference.size), first.ravel()] = -1
        rows.append(pairs)
        wanted.append(difference.ravel())
    dense, *_ = np.linalg.lstsq(np.concatenate(rows), np.concatenate(wanted), rcond=None)

    solved = solve_poisson(target, down_hw=down, across_hw=across, weight=weight)

    np.testing.assert_allclose(solved, dense.reshape(size), rtol=0, atol=1e-12)


def test_each_difference_is_the_larger_of_both() -> None:
    first = np.array([[0.0, 0.5, 0.4], [0.1, 0.1, 0.1]])
    second = np.array([[0.0, 0.1, 0.9], [0.9, 0.1, 0.2]])

    np.testing.assert_allclose(
        larger_differences(first, second, axis=1), [[0.5, 0.8], [-0.8, 0.1]]
    )
    np.testing.assert_allclose(larger_differences(first, second, axis=0), [[0.9, -0.4, -0.7]])


def test_where_one_image_is_flat_and_darker_the_other_is_the_luminance() -> None:
    """The wishes do not contradict each other there, so that they are met exactly."""
    rgb = np.repeat(0.5 + 0.4 * np.random.default_rng(0).random((8, 9, 1)), 3, axis=2)
    flat = np.full((8, 9, 3), 0.25)

    for first, second in ((rgb, flat), (flat, rgb)):
        made = fuse(first.astype(np.float32), second.astype(np.float32), OPTIONS)
        np.testing.assert_allclose(made, rgb, atol=1e-6)


def test_a_step_that_only_thermal_shows_is_in_the_fused_luminance() -> None:
    rgb = np.full((16, 16, 3), 0.3, dtype=np.float32)
    thermal = np.full((16, 16, 3), 0.1, dtype=np.float32)
    thermal[:, 8:] = 0.9

    luminance = fuse(rgb, thermal, OPTIONS) @ np.array(LUMA)

    step = luminance[:, 8] - luminance[:, 7]
    assert (step > 0.6).all()  # larger than that of the larger intensity, 0.9 - 0.3 at most 0.8
    assert (step <= 0.8 + 1e-6).all()


def test_colour_is_that_of_rgb() -> None:
    rng = np.random.default_rng(1)
    rgb = rng.uniform(0.4, 0.6, (12, 10, 3)).astype(np.float32)
    thermal = np.repeat(rng.uniform(0.3, 0.7, (12, 10, 1)), 3, axis=2).astype(np.float32)

    made = fuse(rgb, thermal, OPTIONS)

    assert made.dtype == np.float32 and 0 < made.min() and made.max() < 1  # nothing is clipped
    assert np.abs(made - rgb).max() > 0.05
    for first, second in ((0, 1), (1, 2)):
        np.testing.assert_allclose(
            made[..., first] - made[..., second], rgb[..., first] - rgb[..., second], atol=1e-6
        )


def test_the_weight_decides_between_intensity_and_gradients() -> None:
    rng = np.random.default_rng(2)
    rgb, thermal = (rng.random((16, 16, 3)).astype(np.float32) for _ in range(2))
    larger = np.maximum(rgb @ np.array(LUMA), thermal @ np.array(LUMA))

    def far(weight: float) -> float:
        made = fuse(rgb, thermal, MaxGradientOptions(intensity_weight=weight))
        return float(np.abs(made @ np.array(LUMA) - larger).mean())

    assert far(100.0) < far(1.0) < far(0.01)


# The table, and the modality in data sets.


@pytest.mark.parametrize("name", IMAGE_FUSIONS)
def test_every_fusion_gives_images_of_the_size_of_rgb(name: str, tmp_path: Path) -> None:
    config = write_external(tmp_path, *mfnet.NAMES)
    weights = tmp_path / "fusion.safetensors"
    write_weights(fresh_network(SMALL, seed=0), weights)
    given = {"external": config.fused_options, "swinfusion": {"weights": str(weights)}}
    options = given.get(name, {})
    data_set = open_dataset(dataclasses.replace(config, fused=name, fused_options=options))

    assert data_set.source.check() == () and data_set.faults == ()
    for image in data_set.train.names:
        made = data_set.source.image(image, "fused")
        assert made.dtype == np.float32 and made.shape == (HEIGHT, WIDTH, 3)
        assert 0 <= made.min() < made.max() <= 1
        np.testing.assert_array_equal(made, data_set.source.image(image, "fused"))
    assert data_set.identity["fused"]["by"] == name


def test_fused_is_made_from_rgb_and_thermal_and_mirrored_with_them(tmp_path: Path) -> None:
    data_set = open_dataset(fused(mfnet.authors(tmp_path)))
    source = data_set.source

    assert data_set.modalities == ("fused",)
    images = {each: source.image("00001D", each) for each in ("rgb", "thermal", "fused")}
    np.testing.assert_array_equal(images["fused"], fuse(images["rgb"], images["thermal"], OPTIONS))
    np.testing.assert_allclose(
        source.image("00001D_flip", "fused"), images["fused"][:, ::-1], atol=1e-6
    )
    assert source.image_files("00001D", "fused") == source.image_files("00001D", "rgb")
    assert source.stored("00001D", "fused") is None
    assert source.is_computed("fused") and not source.is_computed("rgb")


def test_fused_can_be_used_with_the_modalities_it_is_made_from(tmp_path: Path) -> None:
    config = fused(of_rgb_and_thermal(tmp_path), "rgb", "thermal", "height")
    data_set = open_dataset(config)
    name = data_set.train.names[0]

    assert data_set.modalities == ("rgb", "thermal", "height", "fused")
    assert len(data_set.source.image_files(name, "fused")) == 2
    images = [data_set.source.image(name, each) for each in data_set.modalities]
    np.testing.assert_array_equal(images[3], fuse(images[0], images[1], OPTIONS))


def test_thermal_of_another_size_is_brought_to_that_of_rgb(tmp_path: Path) -> None:
    config = of_rgb_and_thermal(tmp_path)
    for name in folder.NAMES:
        file = tmp_path / name / "thermal.png"
        save(file, noise(name, 20000, 40000, np.uint16)[::2, ::2])
    with pytest.raises(DataError, match="bring them to one size"):
        open_dataset(fused(config)).source.check()
    description = tmp_path / "dataset.toml"
    text = description.read_text()
    description.write_text(
        text.replace("range = [20000, 40000]", 'range = [20000, 40000]\nother_size = "nearest"')
    )

    data_set = open_dataset(fused(config))

    data_set.source.check()
    assert data_set.source.image(data_set.train.names[0], "fused").shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize(
    ("make", "has", "why"),
    [
        (nyu.LAYOUTS["metres"], "has rgb, depth", True),
        (lambda root: DataConfig(name="rooms"), "has rgb, depth", True),
        (lambda root: DataConfig(name="mcubes", root=str(root)), "has rgb, nir", False),
    ],
)
def test_without_thermal_images_nothing_is_fused(
    make: Callable[[Path], DataConfig], has: str, why: bool, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as error:
        open_dataset(fused(make(tmp_path), "rgb"))
    line = line_of(error)
    assert "'fused', which is made from rgb and thermal" in line and has in line
    assert ("depth is geometry" in line) is why
    assert line.endswith("leave 'fused' out")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fused": "swin"}, "data.fused = 'swin' is not known: choose one of max-gradient"),
        ({"fused_options": {"weight": 1.0}}, "unknown key 'weight' in table"),
        ({"fused_options": {"intensity_weight": 0.0}}, "intensity_weight = 0 is out of range"),
        (
            {"fused": "external", "fused_options": {"files": "fused.png"}},
            "data.fused_options.files = 'fused.png' must contain {name} once",
        ),
    ],
)
def test_wrong_settings_are_refused(
    settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as error:
        open_dataset(fused(mfnet.authors(tmp_path), **settings))
    assert message in line_of(error)


def test_another_unknown_modality_is_refused_as_before(tmp_path: Path) -> None:
    for others in (("rgb", "infrared"), ("infrared",)):
        with pytest.raises(ConfigError, match=r"names 'infrared', which .* choose from rgb, "):
            open_dataset(fused(mfnet.authors(tmp_path), *others))


def test_settings_without_effect_are_noted(tmp_path: Path) -> None:
    config = dataclasses.replace(mfnet.authors(tmp_path), fused="external")

    (note,) = open_dataset(config).notes

    assert note == "data.fused without effect: data.modalities does not name 'fused'"


def test_a_fused_modality_of_the_data_set_itself_is_read(tmp_path: Path) -> None:
    config = of_rgb_and_thermal(tmp_path)
    description = tmp_path / "dataset.toml"
    own = '[modalities.fused]\nfiles = "colour/{name}.png"\n\n[labels]'
    description.write_text(description.read_text().replace("[labels]", own))

    data_set = open_dataset(fused(config, fused_options={"intensity_weight": 0.5}))

    name = data_set.train.names[0]
    stored = np.asarray(PIL.Image.open(tmp_path / f"colour/{name}.png"))
    np.testing.assert_array_equal(np.rint(data_set.source.image(name, "fused") * 255), stored)
    assert data_set.notes[-1].endswith("has fused images of its own")


# Images that another program fused.


def write_external(root: Path, *names: str) -> DataConfig:
    """MFNet with fused images of some names."""
    config = mfnet.authors(root)
    for name in names:
        save(root / f"swin/{name}_f.png", noise(f"{name} fused", 0, 255, channels=3))
    return fused(config, fused="external", fused_options={"files": "swin/{name}_f.png"})


def test_external_images_are_read_by_their_pattern(tmp_path: Path) -> None:
    data_set = open_dataset(write_external(tmp_path, *mfnet.NAMES))
    source = data_set.source

    stored = np.asarray(PIL.Image.open(tmp_path / "swin/00001D_f.png"))
    image = source.image("00001D", "fused")
    np.testing.assert_array_equal(np.rint(image * 255), stored)
    np.testing.assert_array_equal(source.image("00001D_flip", "fused"), image[:, ::-1])
    np.testing.assert_array_equal(source.decode("fused", tmp_path / "swin/00001D_f.png"), image)
    assert source.own_affixes()["fused"] == ("", "_f")
    assert not source.is_computed("fused") and source.made_from("fused") == ()


def test_a_missing_external_image_is_refused_and_others_are_inspected(tmp_path: Path) -> None:
    config = write_external(tmp_path, *mfnet.NAMES[:3])
    save(tmp_path / "swin/more_f.png", noise("more", 0, 255, channels=3))

    with pytest.raises(DataError, match=r"'00004N' has no fused image .*swin/00004N_f\.png"):
        open_dataset(config)
    found = find_dataset(config)
    assert found.test.names == () and found.train.names == ("00001D", "00001D_flip", "00002D")
    assert any("more_f.png" in note for note in (*found.notes, *found.unused))


def test_an_external_image_of_another_size_is_refused(tmp_path: Path) -> None:
    config = write_external(tmp_path, *mfnet.NAMES)
    save(tmp_path / "swin/00002D_f.png", noise("small", 0, 255, channels=3)[:16])

    with pytest.raises(DataError, match=r"00002D_f\.png is 48 x 16 pixels but its image"):
        open_dataset(config).source.check()


# The cache.


def run_of(data: DataConfig, patch: int = 8) -> TrainConfig:
    return TrainConfig(
        data=data,
        backbone=BackboneConfig(name="patch-stats", patch=patch),
        features=FeatureConfig(train_resolution=16, eval_resolution=16, neighbours=7),
    )


def refuse(*given: object, **wanted: object) -> None:
    """Fuses nothing."""
    pytest.fail("images were fused again")


def test_fused_images_are_kept_for_another_backbone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, cache = fused(of_rgb_and_thermal(tmp_path / "data")), tmp_path / "cache"
    prepare(run_of(data), cache=cache)
    fresh = prepare(run_of(data, patch=4), cache=tmp_path / "fresh")
    assert sorted((entry.encoded for entry in list_entries(cache)), key=str) == [None, "fused"]
    monkeypatch.setattr(fusing, "solve_poisson", refuse)

    second = prepare(run_of(data, patch=4), cache=cache)

    for split in ("train", "val", "test"):
        made, wanted = getattr(second, split), getattr(fresh, split)
        np.testing.assert_array_equal(made.features["fused"], wanted.features["fused"])


def test_other_options_are_other_features_and_rgb_is_shared(tmp_path: Path) -> None:
    data, cache = of_rgb_and_thermal(tmp_path / "data"), tmp_path / "cache"
    plain = prepare(run_of(dataclasses.replace(data, modalities=("rgb",))), cache=cache)
    computed: set[str] = set()
    with_rgb = run_of(fused(data, "rgb"))
    first = prepare(with_rgb, cache=cache, progress=lambda what, *_: computed.add(what))
    other = dataclasses.replace(
        with_rgb, data=fused(data, "rgb", fused_options={"intensity_weight": 5.0})
    )
    second = prepare(other, cache=cache)

    assert not any("statistics of rgb" in what for what in computed)
    np.testing.assert_array_equal(first.train.features["rgb"], plain.train.features["rgb"])
    assert not np.array_equal(first.train.features["fused"], second.train.features["fused"])


# The commands.


def test_modalities_fused_trains_and_is_inspected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = fused(mfnet.authors(tmp_path / "data"))
    table = record_to_table(run_of(data)) | {
        "method": {"name": "stego", "code_dim": 4},
        "training": {"iterations": 4, "batch_size": 4, "samples": 3, "partner_ranks": 5},
        "evaluation": {"evaluations": 2},
    }
    file = tmp_path / "run.toml"
    file.write_text(toml_text(table))
    common = ("--cache", tmp_path / "cache", "--device", "cpu")

    assert call_trainer("inspect", file) == 0
    (line,) = [each for each in capsys.readouterr().out.splitlines() if each[:6] == "fused "]
    assert line.split()[:7] == ["fused", "5", "48", "x", "32", "no", "file"]
    assert call_trainer("fit", file, "--out", tmp_path / "run", *common) == 0
    assert call_trainer("evaluate", tmp_path / "run", "--crf", *common) == 0
    assert "CRF" in capsys.readouterr().out


def test_a_search_takes_the_flag_and_refuses_depth_before_work(tmp_path: Path) -> None:
    flags = {"data": {"root": str(tmp_path / "data"), "modalities": ["fused"]}}
    mfnet.authors(tmp_path / "data")
    config = resolve_layers(read_layers("mfnet-s16", None, flags)).train
    assert config.data.modalities == ("fused",) and config.data.fused == "max-gradient"
    assert open_dataset(config.data).modalities == ("fused",)

    rooms = resolve_layers(read_layers("rooms", None, {"data": {"modalities": ["fused"]}}))
    with pytest.raises(ConfigError, match="depth is geometry"):
        check_dataset(rooms)
