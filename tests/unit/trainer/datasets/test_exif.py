"""Pictures of every kind of file are turned according to their EXIF orientation."""

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
from trainer.datasets.masks import MaskRules, read_mask
from trainer.errors import DataError
from trainer.features.cache import hash_json
from trainer.features.fingerprint import data_fingerprint
from trainer.inspection import walk_through

COLOUR = noise("colour", 0, 255, channels=3)
WIDE = noise("wide", 0, 65535, np.uint16, channels=3)
WIDER = noise("wider", 0, 65535, np.uint16, channels=4)

TURNED_KINDS = """
classes = 2
[modalities.rgb]
files = "all_{name}.png"
band = [0, 1, 2]
[modalities.heat]
files = "all_{name}.png"
encoding = "grey"
band = 3
[modalities.depth]
files = "depth_{name}.png"
encoding = "grey"
holes = "larger"
hole_values = [0]
other_size = "nearest"
"""


def quiet(what: str, done: int, total: int) -> None:
    """Ignore progress."""


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
@pytest.mark.parametrize("array", [COLOUR, WIDE, WIDER, WIDE[..., 0]])
def test_all_bits_are_turned(tmp_path: Path, array: np.ndarray, late: bool) -> None:
    for orientation in range(1, 9):
        write_tagged(tmp_path / "a.png", array, orientation, late=late)

        assert np.array_equal(read_stored(tmp_path / "a.png"), array)
        assert read_orientation(tmp_path / "a.png", late=True) == orientation
        assert read_size(tmp_path / "a.png", late=True) == (array.shape[1], array.shape[0])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_masks_are_turned_by_number_and_by_colour(tmp_path: Path, orientation: int) -> None:
    label, tags = noise("label", 0, 1), PIL.Image.Exif()
    tags[0x0112] = orientation
    palette = ((9, 9, 9), (8, 8, 200))
    image = PIL.Image.fromarray(np.ascontiguousarray(STORED[orientation](label)))
    image.putpalette([part for colour in palette for part in colour])
    image.save(tmp_path / "a.png", exif=tags)
    write_tagged(tmp_path / "b.png", np.array(palette, dtype=np.uint8)[label], orientation)

    for encoding, name in (("number", "a"), ("colour", "a"), ("auto", "b")):
        rules = MaskRules(numbers=((0,), (1,)), colours=palette, encoding=encoding)  # type: ignore[arg-type]
        assert np.array_equal(read_mask(tmp_path / f"{name}.png", rules), label), encoding


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_bands_holes_and_resampled_images_are_turned(
    tmp_path: Path, orientation: int, late: bool
) -> None:
    """Two files have all modalities: RGB with a thermal band, and depth of half the size."""
    both = noise("both", 1, 255, channels=4)
    depth = noise("depth", 0, 3)[::2, ::2]
    for name in "abc":
        write_tagged(tmp_path / f"all_{name}.png", both, orientation, late=late)
        write_tagged(tmp_path / f"depth_{name}.png", depth, 8, late=late)
    (tmp_path / "dataset.toml").write_text(TURNED_KINDS, encoding="utf-8")
    data_set = open_dataset(
        DataConfig(name="folder", root=str(tmp_path), modalities=("rgb", "heat", "depth"))
    )
    source = data_set.source
    large = depth.repeat(2, axis=0).repeat(2, axis=1)

    notes = source.check()

    assert any("turned as their EXIF orientation says" in note for note in notes)
    assert np.array_equal(np.rint(source.image("a", "rgb") * 255), both[..., :3])
    assert np.array_equal(np.rint(source.image("a", "heat")[..., 0] * 255), both[..., 3])
    holes = source.holes("a", "depth")
    assert holes is not None and np.array_equal(holes, large == 0)
    measured = np.rint(source.image("a", "depth")[..., 0] * 255)
    assert np.array_equal(measured[large > 0], large[large > 0])
    assert not walk_through(data_set, quiet).faults


def test_a_half_size_that_a_tag_does_not_turn_is_refused_by_the_tag(tmp_path: Path) -> None:
    """Only a tag is reported whose rotation would make both sizes equal."""
    for name in "abc":
        write_tagged(tmp_path / f"all_{name}.png", noise("both", 1, 255, channels=4), 6)
        save(tmp_path / f"depth_{name}.png", np.ascontiguousarray(np.rot90(noise("d", 1, 3))))
    (tmp_path / "dataset.toml").write_text(TURNED_KINDS, encoding="utf-8")
    config = DataConfig(name="folder", root=str(tmp_path), modalities=("rgb", "depth"))

    with pytest.raises(DataError, match=r"all_.\.png has the EXIF orientation 6: turn the other"):
        open_dataset(config).source.check()
    for name in "abc":
        save(tmp_path / f"depth_{name}.png", noise("d", 1, 3)[:, ::4])
    with pytest.raises(DataError, match="it shows another view"):
        open_dataset(config).source.check()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_stored_view_is_read_back_unchanged(orientation: int) -> None:
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


def test_one_note_gives_the_number_of_turned_files(tmp_path: Path) -> None:
    data_set = scene(tmp_path, 3)

    (note,) = data_set.source.check()
    assert "says: 6 of 6 rgb (3); depth: no file has a tag, they are read as upright" in note
    found = walk_through(data_set, quiet)
    assert note in found.notes and not found.faults


@pytest.mark.parametrize("orientation", [2, 3, 4])
def test_edges_that_match_only_as_stored_are_refused(tmp_path: Path, orientation: int) -> None:
    """The sizes are equal in both cases."""
    data_set = scene(tmp_path, orientation, upright_depth=False)
    data_set.source.check()

    with pytest.raises(DataError, match=r"depth matches rgb as both are stored.*remove the tags"):
        check_turned(data_set)
    (fault,) = walk_through(data_set, quiet).faults
    assert fault.kind == "turned" and "depth matches rgb as both are stored" in fault.text


@pytest.mark.parametrize("orientation", range(2, 9))
def test_edges_that_match_after_turning_are_accepted(tmp_path: Path, orientation: int) -> None:
    check_turned(scene(tmp_path, orientation))


def test_inspect_names_the_tag_that_changes_the_size(tmp_path: Path) -> None:
    found = walk_through(scene(tmp_path, 6, upright_depth=False), quiet)

    sizes = [each.text for each in found.faults if each.kind == "another size"]
    assert len(sizes) == 6
    assert all(", but rgb has the EXIF orientation 6: " in text for text in sizes)


def test_a_cache_from_before_tags_were_used_is_reused_only_without_tags(
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
                "files": {name: record[2] for name, record in digests.items()},
            }
        )
        assert (now == before) == same


def test_stored_digests_are_completed_without_reading_all_files(tmp_path: Path) -> None:
    data_set, cache = scene(tmp_path / "data", 3), tmp_path / "cache"
    first = data_fingerprint(data_set, cache, quiet)
    (memo,) = (cache / "digests").iterdir()
    digests = json.loads(memo.read_text(encoding="utf-8"))
    old = {name: record[:3] for name, record in digests.items()}
    memo.write_text(json.dumps(old), encoding="utf-8")
    read: list[str] = []

    again = data_fingerprint(data_set, cache, lambda what, done, total: read.append(what))

    assert again == first and not read
    assert json.loads(memo.read_text(encoding="utf-8")) == digests
