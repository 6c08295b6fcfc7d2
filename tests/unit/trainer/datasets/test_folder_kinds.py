"""The user's own images in common forms: bands, holes, sizes, masks."""

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from tests.fakes.data_sets.pictures import noise, save
from trainer.config.configuration import DataConfig
from trainer.datasets import DataSet, find_dataset, open_dataset
from trainer.errors import ConfigError, DataError
from trainer.inspection import walk_through
from trainer.inspection.facts import Inspection

NAMES = ("a", "b", "c", "d")
RGB = 'classes = 2\n[modalities.rgb]\nfiles = "rgb/{name}.png"\n'
DEPTH = '[modalities.depth]\nfiles = "depth/{name}.npy"\nencoding = "grey"\nrange = [0.0, 8.0]\n'
RAMP = np.tile(np.linspace(1, 7, 48, dtype=np.float32), (32, 1))


def describe(root: Path, text: str, *modalities: str) -> DataConfig:
    (root / "dataset.toml").write_text(text, encoding="utf-8")
    return DataConfig(name="folder", root=str(root), modalities=modalities)


def write(root: Path, folder: str, *arrays: NDArray[Any], suffix: str = ".png") -> None:
    """One file per image; the last array stands for all that follow."""
    for name, array in zip(NAMES, (*arrays, *arrays[-1:] * len(NAMES)), strict=False):
        save(root / folder / f"{name}{suffix}", array)


def write_rgb(root: Path) -> None:
    for name in NAMES:
        save(root / f"rgb/{name}.png", noise(name, 0, 255, channels=3))


def inspected(data_set: DataSet) -> Inspection:
    return walk_through(data_set, lambda what, done, total: None)


@pytest.fixture
def depths(tmp_path: Path) -> Path:
    """RGB images, and depth that is a ramp."""
    write_rgb(tmp_path)
    write(tmp_path, "depth", RAMP, suffix=".npy")
    return tmp_path


def test_bands_of_one_file_are_modalities(tmp_path: Path) -> None:
    """Red, green, blue and near infrared in one file, as for aerial images."""
    pixels = noise("x", 0, 255, channels=4)
    write(tmp_path, "all", pixels)
    text = (
        'classes = 2\n[modalities.rgb]\nfiles = "all/{name}.png"\nband = [0, 1, 2]\n'
        '[modalities.nir]\nfiles = "all/{name}.png"\nencoding = "grey"\nband = 3\n'
        '[modalities.red]\nfiles = "all/{name}.png"\nencoding = "grey"\nband = 0\n'
    )
    data_set = open_dataset(describe(tmp_path, text, "rgb", "nir", "red"))

    image = {kind: data_set.source.image("a", kind) for kind in data_set.modalities}

    assert np.array_equal(np.rint(image["rgb"] * 255), pixels[:, :, :3])
    for kind, band in (("nir", 3), ("red", 0)):
        for channel in range(3):
            assert np.array_equal(np.rint(image[kind][:, :, channel] * 255), pixels[:, :, band])
    assert np.array_equal(data_set.source.stored("a", "nir"), pixels[:, :, 3])  # type: ignore[arg-type]
    data_set.source.check()


@pytest.mark.parametrize("kind", ["tif", "wide png", "npy"])
def test_bands_of_other_kinds_of_files(tmp_path: Path, kind: str) -> None:
    suffix = "." + kind.split()[-1]
    wide = kind != "tif"
    pixels = noise("x", 0, 65535 if wide else 255, np.uint16 if wide else np.uint8, channels=3)
    pixels = pixels if kind != "tif" else pixels[:, :, :2]
    write_rgb(tmp_path)
    if kind == "tif":
        (tmp_path / "two").mkdir()
        for name in NAMES:
            PIL.Image.fromarray(pixels, mode="LA").save(tmp_path / f"two/{name}.tif")
    else:
        write(tmp_path, "two", pixels, suffix=suffix)
    text = f'[modalities.nir]\nfiles = "two/{{name}}{suffix}"\nencoding = "grey"\nband = 1\n'
    text += "bits = 16\nrange = [0, 65535]\n" if wide else ""
    source = open_dataset(describe(tmp_path, RGB + text, "rgb", "nir")).source

    wanted = pixels[:, :, 1] / (65535 if wide else 255)
    assert np.allclose(source.image("a", "nir")[:, :, 0], wanted, atol=1e-6)


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_a_tiff_of_32_bits_holds_a_plane_of_numbers(tmp_path: Path, kind: type) -> None:
    plane: NDArray[Any] = (RAMP * 100).astype(kind) - 300
    write_rgb(tmp_path)
    write(tmp_path, "heat", plane, suffix=".tif")
    text = RGB + '[modalities.heat]\nfiles = "heat/{name}.tif"\nencoding = "grey"\n'
    text += "bits = 32\nrange = [-200, 400]\n"
    source = open_dataset(describe(tmp_path, text, "rgb", "heat")).source

    wanted = (plane.astype(np.float32) + 200) / 600
    assert np.allclose(source.image("a", "heat")[:, :, 0], wanted, atol=1e-6)

    plane = plane.astype(np.float32)
    plane[0, 0] = np.nan
    save(tmp_path / "heat/a.tif", plane)
    with pytest.raises(DataError, match=r"a\.tif has 1 values that are not finite"):
        source.image("a", "heat")
    save(tmp_path / "heat/a.tif", noise("x", 0, 255))
    with pytest.raises(DataError, match="has 1 channel of 8 bits instead of 1 channel of 32 bits"):
        source.image("a", "heat")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ('encoding = "grey"', "heat needs range, the numbers that become black and white"),
        ("", "encoding = 'colour' is not for bits = 32"),
    ],
)
def test_planes_of_any_numbers_are_grey_in_a_range(
    tmp_path: Path, setting: str, message: str
) -> None:
    write_rgb(tmp_path)
    text = RGB + '[modalities.heat]\nfiles = "heat/{name}.tif"\nbits = 32\n' + setting
    with pytest.raises(ConfigError, match=message):
        open_dataset(describe(tmp_path, text, "rgb", "heat"))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("band = 4", "has 4 bands, but modalities.nir.band = 4 counts from 0"),
        ("band = 3\nbits = 16", "has 8 bits per channel instead of 16: set"),
    ],
)
def test_a_missing_band_is_refused(tmp_path: Path, setting: str, message: str) -> None:
    write(tmp_path, "all", noise("x", 0, 255, channels=4))
    text = 'classes = 2\n[modalities.nir]\nfiles = "all/{name}.png"\nencoding = "grey"\n'
    source = open_dataset(describe(tmp_path, text + setting, "nir")).source

    with pytest.raises(DataError, match=message):
        source.image("a", "nir")


@pytest.mark.parametrize(
    ("holes", "filled"), [("larger", [2, 2, 5, 5, 5]), ("smaller", [2, 2, 2, 2, 5])]
)
def test_holes_take_the_nearer_or_the_farther_surface(
    depths: Path, holes: str, filled: list[float]
) -> None:
    row = np.array([np.nan, 2, np.inf, -np.inf, 5], dtype=np.float32)
    row[0] = np.nan
    save(depths / "depth/a.npy", np.tile(np.append(row, 0), (3, 1)))
    text = RGB + DEPTH + f'holes = "{holes}"\nhole_values = [0.0]\n'
    source = open_dataset(describe(depths, text, "rgb", "depth")).source

    image = source.image("a", "depth")[:, :, 0] * 8

    assert np.allclose(image, [[*filled, 5]] * 3)
    assert source.holes("a", "rgb") is None
    found = source.holes("a", "depth")
    assert found is not None and found[0].tolist() == [True, False, True, True, False, True]


def test_values_that_are_not_finite_are_refused_with_the_setting_that_fills_them(
    depths: Path,
) -> None:
    broken = RAMP.copy()
    broken[3, 4] = np.nan
    save(depths / "depth/a.npy", broken)
    config = describe(depths, RGB + DEPTH, "rgb", "depth")

    with pytest.raises(DataError, match=r"a\.npy has 1 values that are not finite") as caught:
        open_dataset(config).source.image("a", "depth")
    assert "set modalities.depth.holes to 'larger' (depth)" in str(caught.value)


def test_an_image_without_one_measured_pixel_is_refused(depths: Path) -> None:
    save(depths / "depth/a.npy", np.full((32, 48), np.nan, dtype=np.float32))
    config = describe(depths, RGB + DEPTH + 'holes = "larger"', "rgb", "depth")

    with pytest.raises(DataError, match="has no measured pixel: remove the image"):
        open_dataset(config).source.image("a", "depth")


def test_another_size_is_refused_with_the_setting_or_takes_the_nearest_pixels(
    depths: Path,
) -> None:
    write(depths, "depth", RAMP[::2, ::2], suffix=".npy")
    refused = open_dataset(describe(depths, RGB + DEPTH, "rgb", "depth"))

    with pytest.raises(DataError, match=r"is 24 x 16 pixels but its image .* is 48") as caught:
        refused.source.check()
    assert "set modalities.depth.other_size = 'nearest'" in str(caught.value)
    (fault,) = {finding.text.partition(":")[2] for finding in inspected(refused).faults}
    assert "other_size = 'nearest'" in fault

    text = RGB + DEPTH + 'other_size = "nearest"'
    data_set = open_dataset(describe(depths, text, "rgb", "depth"))
    data_set.source.check()
    image = data_set.source.image("a", "depth")
    assert np.allclose(image[:, :, 0] * 8, np.repeat(RAMP[:, ::2], 2, axis=1))
    assert not inspected(data_set).faults
    assert any("takes its nearest pixels if its size differs" in note for note in data_set.notes)


def test_another_view_is_refused_even_with_resampling(depths: Path) -> None:
    write(depths, "depth", RAMP[:, :40], suffix=".npy")
    plain = open_dataset(describe(depths, RGB + DEPTH, "rgb", "depth"))
    text = RGB + DEPTH + 'other_size = "nearest"'
    (fault,) = {finding.text.partition(": ")[2] for finding in inspected(plain).faults}
    assert fault == "it shows another view; cut both to the same part of the scene"

    data_set = open_dataset(describe(depths, text, "rgb", "depth"))
    with pytest.raises(DataError, match="it shows another view; cut both to the same part"):
        data_set.source.check()
    assert {finding.kind for finding in inspected(data_set).faults} == {"another size"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[modalities.x]\nfiles='{name}.png'\nband = 0", "modalities.x.band = 0 .*three bands"),
        ("[modalities.x]\nfiles='{name}.png'\nband = [0, 1]", "three bands"),
        (
            "[modalities.x]\nfiles='{name}.png'\nencoding='grey'\nband = [0, 1, 2]",
            "give one band, such as 0",
        ),
        ("[modalities.x]\nfiles='{name}.png'\nencoding='grey'\nband = -1", "give one band"),
        ("[modalities.x]\nfiles='{name}.png'\nholes = 'larger'", "holes is for encoding = 'grey'"),
        (
            "[modalities.x]\nfiles='{name}.png'\nencoding='grey'\nhole_values = [0]",
            "modalities.x.hole_values needs holes = 'larger'",
        ),
        ("[labels]\nfiles='{name}.png'\nnumbers = [1]", "numbers has 1 entries for 2 classes"),
        ("[labels]\nfiles='{name}.png'\nnumbers = [1, 2]\nfirst = 1", "leave 'first' out"),
        ("[labels]\nfiles='{name}.png'\nnumbers = [1, [2, 1]]", "gives 1 to two classes"),
        ("[labels]\nfiles='{name}.png'\nnumbers = [1, 70000]", "stored number 70000: give"),
        ("[labels]\nfiles='{name}.png'\nignore = [1]", "labels.ignore has 1"),
        ("[labels]\nfiles='{name}.png'\nencoding='colour'", "there is no palette: write palette"),
        ("[labels]\nfiles='{name}.png'\nothers='drop'", "choose one of 'refuse', 'ignore'"),
    ],
)
def test_a_wrong_setting_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        find_dataset(describe(tmp_path, f"{RGB}{text}\n", "rgb"))


def test_an_ignored_colour_has_no_class(tmp_path: Path) -> None:
    text = "palette = [[1, 2, 3], [4, 5, 6]]\n" + RGB
    text += "[labels]\nfiles='{name}.png'\nignore_colours = [[4, 5, 6]]\n"

    with pytest.raises(ConfigError, match=r"ignore_colours has \[4, 5, 6\], which is a class"):
        find_dataset(describe(tmp_path, text, "rgb"))


def test_masks_of_several_kinds_in_one_data_set(tmp_path: Path) -> None:
    write_rgb(tmp_path)
    label = noise("label", 0, 1)
    palette = np.array([[120, 80, 50], [60, 160, 60]], dtype=np.uint8)
    write(tmp_path, "labels", palette[label], label.astype(np.uint16), label > 0, label)
    text = (
        "palette = [[120, 80, 50], [60, 160, 60]]\n" + RGB + "[labels]\nfiles='labels/{name}.png'"
    )
    data_set = open_dataset(describe(tmp_path, text, "rgb"))

    assert not inspected(data_set).faults
    for name in NAMES:
        assert np.array_equal(data_set.source.label(name), label)


def test_255_may_be_a_class(tmp_path: Path) -> None:
    write_rgb(tmp_path)
    label = noise("label", 0, 1)
    write(tmp_path, "labels", label * 255)
    text = RGB + "[labels]\nfiles='labels/{name}.png'\nnumbers = [0, 255]"

    source = open_dataset(describe(tmp_path, text, "rgb")).source

    assert np.array_equal(source.label("a"), label)


def test_settings_that_are_not_used_leave_the_identity_alone(depths: Path) -> None:
    """Cached features stay valid for descriptions older than a setting."""
    text = RGB + DEPTH + "[labels]\nfiles='labels/{name}.png'\n"
    before = open_dataset(describe(depths, text, "rgb", "depth")).identity

    assert before["modalities"]["depth"] == {
        "encoding": "grey", "bits": 8, "range": (0.0, 8.0), "period": None,
    }  # fmt: skip
    assert before["labels"] == {"first": 0, "ignore": (255,)}
    for more in ("others = 'ignore'", "numbers = [1, 0]", "encoding = 'number'"):
        assert open_dataset(describe(depths, text + more, "rgb", "depth")).identity != before
    for more in ("holes = 'larger'", "other_size = 'nearest'", "band = 0"):
        changed = RGB + DEPTH + more + "\n[labels]\nfiles='labels/{name}.png'\n"
        assert open_dataset(describe(depths, changed, "rgb", "depth")).identity != before


COLOUR_ARRAYS = 'classes = 2\n[modalities.rgb]\nfiles = "rgb/{name}.npy"\n'


@pytest.mark.parametrize(("stored", "white"), [(np.uint8, 255), (np.float32, 1)])
def test_colours_in_arrays_are_those_of_the_same_images(
    tmp_path: Path, stored: type, white: int
) -> None:
    pixels = noise("x", 0, 255, channels=3)
    write(tmp_path, "rgb", (pixels / 255 * white).astype(stored), suffix=".npy")
    text = COLOUR_ARRAYS + f"band = [0, 1, 2]\nrange = [0, {white}]\n"

    source = open_dataset(describe(tmp_path, text, "rgb")).source

    assert np.allclose(source.image("a", "rgb"), pixels / np.float32(255), atol=1e-6)


def test_colours_in_arrays_are_described_and_finite(tmp_path: Path) -> None:
    pixels = noise("x", 0, 255, channels=3).astype(np.float32)
    write(tmp_path, "rgb", pixels, suffix=".npy")
    band = COLOUR_ARRAYS + "band = [0, 1, 2]\n"
    with pytest.raises(ConfigError, match=r"modalities\.rgb needs band, the three planes"):
        open_dataset(describe(tmp_path, COLOUR_ARRAYS, "rgb"))
    with pytest.raises(ConfigError, match=r"modalities\.rgb needs range, the numbers that"):
        open_dataset(describe(tmp_path, band, "rgb"))

    source = open_dataset(describe(tmp_path, band + "range = [0, 255]\n", "rgb")).source
    pixels[3, 4, 1] = np.nan
    save(tmp_path / "rgb/a.npy", pixels)
    with pytest.raises(DataError, match=r"1 pixels that are not finite, the first in row 3, col"):
        source.image("a", "rgb")
    save(tmp_path / "rgb/a.npy", pixels.transpose(2, 0, 1))
    with pytest.raises(DataError, match="with its planes first: write it as height x width"):
        source.check()
