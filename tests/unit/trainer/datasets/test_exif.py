"""Pictures are turned as their EXIF orientation says, alike in every kind of file."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest

from tests.fakes.data_sets.pictures import noise, save
from tests.inputs.orientation import STORED, write_tagged
from trainer.config.configuration import DataConfig
from trainer.datasets import DataSet, open_dataset
from trainer.datasets.contradiction import check_turned
from trainer.datasets.decoding import read_pixels, read_stored
from trainer.datasets.exif import stored_view, turned
from trainer.datasets.headers import read_orientation, read_size
from trainer.errors import DataError
from trainer.features.cache import hash_json
from trainer.features.fingerprint import data_fingerprint
from trainer.inspection import walk_through

COLOUR = noise("colour", 0, 255, channels=3)
WIDE = noise("wide", 0, 65535, np.uint16, channels=3)


def quiet(what: str, done: int, total: int) -> None:
    """Tell nobody."""


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_a_picture_is_seen_as_pillow_would_show_it(
    tmp_path: Path, orientation: int, suffix: str
) -> None:
    path, tags = tmp_path / f"a{suffix}", PIL.Image.Exif()
    tags[0x0112] = orientation
    PIL.Image.fromarray(COLOUR).save(path, exif=tags)

    pixels = read_pixels(path)

    with PIL.Image.open(path) as image:
        assert np.array_equal(pixels, np.asarray(PIL.ImageOps.exif_transpose(image)))
    assert read_size(path) == pixels.shape[1::-1] and read_orientation(path) == orientation
    # Pillow turns TIFF files by itself, and always did
    assert read_orientation(path, ours=True) == (1 if suffix == ".tif" else orientation)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("array", [COLOUR, WIDE, WIDE[..., 0]], ids=["8", "16", "16 grey"])
def test_all_bits_are_turned(tmp_path: Path, array: np.ndarray, late: bool) -> None:
    for orientation in range(1, 9):
        write_tagged(tmp_path / "a.png", array, orientation, late=late)

        assert np.array_equal(read_stored(tmp_path / "a.png"), array)
        assert read_orientation(tmp_path / "a.png", late=True) == orientation
        assert read_size(tmp_path / "a.png", late=True) == (array.shape[1], array.shape[0])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_stored_view_is_what_was_stored(orientation: int) -> None:
    stored = STORED[orientation](COLOUR)

    assert np.array_equal(turned(stored, orientation), COLOUR)
    assert np.array_equal(stored_view(COLOUR, orientation), stored)


def scene(root: Path, orientation: int | None, *, upright_depth: bool = True) -> DataSet:
    """Colour and depth of one scene; depth has no tags."""
    rng = np.random.default_rng(0)
    for name in "abcdef":
        steps = np.zeros((96, 128), dtype=np.uint8)
        for top, left, level in zip(
            rng.integers(0, 80, 12),
            rng.integers(0, 110, 12),
            rng.integers(20, 250, 12),
            strict=True,
        ):
            steps[top : top + 16, left : left + 18] = level
        colour = np.stack([steps, 255 - steps, steps], axis=2)
        depth = steps if upright_depth else STORED[orientation or 1](steps)
        save(root / f"depth/{name}.png", np.ascontiguousarray(depth))
        path = root / f"colour/{name}.png"
        path.parent.mkdir(exist_ok=True)
        if orientation is None:
            save(path, colour)
        else:
            write_tagged(path, colour, orientation)
    (root / "dataset.toml").write_text(
        'classes = 2\n[modalities.rgb]\nfiles = "colour/{name}.png"\n'
        '[modalities.depth]\nfiles = "depth/{name}.png"\nencoding = "grey"\n',
        encoding="utf-8",
    )
    return open_dataset(DataConfig(name="folder", root=str(root), modalities=("rgb", "depth")))


def test_it_is_said_once_with_a_count(tmp_path: Path) -> None:
    data_set = scene(tmp_path, 3)

    (note,) = data_set.source.check()
    assert "says: 6 of 6 rgb (3); depth: no file has a tag, they are read as upright" in note
    found = walk_through(data_set, quiet)
    assert note in found.notes and not found.faults


@pytest.mark.parametrize("orientation", [2, 3, 4])
def test_edges_that_fit_only_as_stored_are_refused(tmp_path: Path, orientation: int) -> None:
    """Sizes are equal either way."""
    data_set = scene(tmp_path, orientation, upright_depth=False)
    data_set.source.check()

    with pytest.raises(DataError, match=r"depth fits rgb as both are stored.*remove the tags"):
        check_turned(data_set)
    (fault,) = walk_through(data_set, quiet).faults
    assert fault.kind == "turned" and "depth fits rgb as both are stored" in fault.text


@pytest.mark.parametrize("orientation", range(2, 9))
def test_edges_that_fit_as_the_tag_says_are_sound(tmp_path: Path, orientation: int) -> None:
    check_turned(scene(tmp_path, orientation))


def test_inspect_says_which_tag_makes_another_size(tmp_path: Path) -> None:
    found = walk_through(scene(tmp_path, 6, upright_depth=False), quiet)

    sizes = [each.text for each in found.faults if each.kind == "another size"]
    assert len(sizes) == 6
    assert all("where rgb has the EXIF orientation 6" in text for text in sizes)


def test_a_cache_made_before_tags_counted_is_found_again_only_without_tags(
    tmp_path: Path,
) -> None:
    for orientation, same in ((None, True), (1, True), (3, False)):
        data_set = scene(tmp_path / str(orientation), orientation)
        cache = tmp_path / f"cache {orientation}"
        now = data_fingerprint(data_set, cache, quiet)
        (memo,) = (cache / "digests").iterdir()
        digests = json.loads(memo.read_text(encoding="utf-8"))
        splits = [dataclasses.asdict(split) for split in data_set.splits().values()]
        before = hash_json(
            {
                "identity": dict(data_set.identity),
                "splits": splits,
                "files": {name: told[2] for name, told in digests.items()},
            }
        )
        assert (now == before) == same


def test_digests_remembered_before_are_completed_without_reading_all(tmp_path: Path) -> None:
    data_set, cache = scene(tmp_path / "data", 3), tmp_path / "cache"
    first = data_fingerprint(data_set, cache, quiet)
    (memo,) = (cache / "digests").iterdir()
    digests = json.loads(memo.read_text(encoding="utf-8"))
    old = {name: told[:3] for name, told in digests.items()}
    memo.write_text(json.dumps(old), encoding="utf-8")
    read: list[str] = []

    again = data_fingerprint(data_set, cache, lambda what, done, total: read.append(what))

    assert again == first and not read
    assert json.loads(memo.read_text(encoding="utf-8")) == digests
