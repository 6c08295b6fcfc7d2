"""A data set is described, and every fault in it is named."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from tests.fakes.data_sets import MAKERS
from trainer.commands.inspect import inspect_data, inspect_file
from trainer.commands.setup import read_config
from trainer.config.configuration import DataConfig, FeatureConfig, TrainConfig
from trainer.datasets import DataSet, find_dataset, open_dataset
from trainer.datasets.alignment import Alignment, Plane, Shift, edges_of
from trainer.datasets.base import Image, Label, Source, Split
from trainer.errors import ConfigError, DataError
from trainer.features import prepare
from trainer.features.cache import SPARE
from trainer.inspection import Inspection, measure_readiness, readiness, walk_through

Street = Callable[..., TrainConfig]
Edges = tuple[Plane, Plane]

BONN = "{folder}/train/bonn/bonn_{number:06d}_000019_{kind}.png"


def quiet(what: str, done: int, total: int) -> None:
    assert 1 <= done <= total


def bonn(root: Path, folder: str, kind: str, number: int = 0) -> Path:
    return root / BONN.format(folder=folder, kind=kind, number=number)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MemorySource(Source):
    """Images and labels given by the test."""

    images: dict[tuple[str, str], NDArray[Any]]
    labels: dict[str, NDArray[np.uint8]]

    def files(self) -> tuple[Path, ...]:
        return ()

    def check(self) -> tuple[str, ...]:
        return ()

    def image(self, name: str, modality: str) -> Image:
        return self.images[name, modality].astype(np.float32)

    def label(self, name: str) -> Label:
        return self.labels[name]


def small_data_set(images: dict[tuple[str, str], NDArray[Any]], labels: dict[str, Any]) -> DataSet:
    """One image per split."""
    a, b, c = (Split(names=(name,), labelled=bool(labels)) for name in "abc")
    return DataSet(
        classes=("one", "two"),
        palette=((0, 0, 0), (9, 9, 9)),
        modalities=("rgb", "nir"),
        train=a,
        val=b,
        test=c,
        source=MemorySource(images=images, labels=labels),
        root=None,
        identity={},
    )


@pytest.fixture
def pixels() -> dict[tuple[str, str], NDArray[Any]]:
    rng = np.random.default_rng(0)
    return {(name, kind): rng.random((12, 16, 3)) for name in "abc" for kind in ("rgb", "nir")}


@pytest.fixture
def labels() -> dict[str, NDArray[np.uint8]]:
    return {name: np.ones((12, 16), dtype=np.uint8) for name in "abc"}


def kinds(found: Inspection) -> list[str]:
    return [finding.kind for finding in found.faults]


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_every_data_set_is_walked_through(name: str, tmp_path: Path) -> None:
    first_layout = next(iter(MAKERS[name].LAYOUTS.values()))
    data_set = find_dataset(first_layout(tmp_path))

    found = walk_through(data_set, quiet)

    assert not found.faults
    total = sum(len(split) for split in data_set.splits().values())
    assert set(found.kinds) >= set(data_set.modalities) and set(found.shifts) < set(found.kinds)
    for kind, facts in found.kinds.items():
        wanted = sum(len(s) for s in data_set.splits().values() if s.labelled or kind != "label")
        assert facts.read == wanted and sum(facts.sizes.values()) == wanted
        assert data_set.root is None or not facts.stored.empty, kind
    for where, split in data_set.splits().items():
        counted = found.splits[where]
        assert counted.images == len(split) <= total
        if split.labelled:
            seen = [data_set.source.label(each) for each in split.names]
            assert counted.void == sum((label == 255).sum() for label in seen)
            assert counted.pixels_Y.sum() + counted.void == sum(label.size for label in seen)
            assert counted.pixels_Y[0] == sum((label == 0).sum() for label in seen)


def test_stored_numbers_are_distinguished_from_those_the_model_sees(
    street: Path, street_config: Street
) -> None:
    found = walk_through(find_dataset(street_config(street).data), quiet)

    disparity = found.kinds["disparity"]
    assert disparity.stored_as == {"uint16 x 1": 6} and disparity.sizes == {(96, 48): 6}
    assert disparity.stored.high > 20000 and disparity.encoded.high <= 1
    assert found.kinds["rgb"].stored_as == {"uint8 x 3": 6}
    assert found.kinds["rgb"].stored.high == 255
    assert found.kinds["label"].stored.high == 33 and found.kinds["label"].encoded.high == 255


def test_every_faulty_file_is_named(street: Path, street_config: Street) -> None:
    faulty = {
        "truncated": bonn(street, "leftImg8bit", "leftImg8bit"),
        "colour where grey belongs": bonn(street, "disparity", "disparity", 1),
        "no image": bonn(street, "gtFine", "gtFine_labelIds", 1),
    }
    truncated = faulty["truncated"]
    truncated.write_bytes(truncated.read_bytes()[:200])
    colour = np.zeros((48, 96, 3), dtype=np.uint8)
    PIL.Image.fromarray(colour).save(faulty["colour where grey belongs"])
    faulty["no image"].write_text("not an image")
    lonely = [
        Path(str(bonn(street, "disparity", "disparity", number)).replace("bonn", city))
        for number, city in enumerate(("aachen", "köln"))
    ]
    for path in lonely:
        path.unlink()
    short = Path(str(bonn(street, "leftImg8bit", "leftImg8bit")).replace("bonn", "köln"))
    PIL.Image.fromarray(np.zeros((47, 96, 3), dtype=np.uint8)).save(short)

    found = walk_through(find_dataset(street_config(street).data), quiet)

    texts = "\n".join(finding.text for finding in found.faults)
    for what, path in faulty.items():
        assert path.name in texts, what
    assert texts.count("has no matching file of the kind 'disparity'") == 2
    assert "köln_000000_000019" in texts and "96 x 48 pixels, its rgb 96 x 47" in texts
    assert [finding.kind for finding in found.suspicions] == ["constant"]
    assert all("\n" not in finding.text for finding in (*found.faults, *found.suspicions))
    with pytest.raises(DataError, match=r"has no matching file .*\(1 more like it: .*inspect"):
        open_dataset(street_config(street).data)


def test_a_file_of_two_modalities_is_faulty_once(tmp_path: Path) -> None:
    config = next(iter(MAKERS["mfnet"].LAYOUTS.values()))(tmp_path)
    data_set = find_dataset(config)
    assert config.modalities == ("rgb", "thermal")
    path = next(path for path in data_set.source.files() if path.parent.name == "images")
    path.write_bytes(b"")

    assert kinds(walk_through(find_dataset(config), quiet)) == ["unreadable"]


def test_labels_outside_the_classes_are_reported_with_their_values(
    pixels: dict[tuple[str, str], NDArray[Any]], labels: dict[str, NDArray[np.uint8]]
) -> None:
    labels["b"][0, 0], labels["b"][1, 1] = 2, 77

    found = walk_through(small_data_set(pixels, labels), quiet)

    assert kinds(found) == ["label outside the classes"]
    assert "the label of 'b' (val) has 2, 77, but classes end at 1" in found.faults[0].text


def test_values_that_are_not_finite_and_constant_images_are_reported(
    pixels: dict[tuple[str, str], NDArray[Any]], labels: dict[str, NDArray[np.uint8]]
) -> None:
    pixels["a", "nir"][3, 4, 1] = np.nan
    pixels["c", "rgb"][:] = 0.25
    labels["b"][:] = 255

    found = walk_through(small_data_set(pixels, labels), quiet)

    assert [f.text for f in found.faults] == [
        "the nir of 'a' (train) has values that are not finite"
    ]
    assert [(f.kind, f.text) for f in found.suspicions] == [
        ("label without a class", "the label of 'b' (val) has no pixel with a class"),
        ("constant", "the rgb of 'c' (test) is 0.25 everywhere"),
    ]
    assert found.kinds["nir"].encoded.high < 1 and found.splits["val"].void == 12 * 16


def test_a_data_set_without_labels_reports_none(
    pixels: dict[tuple[str, str], NDArray[Any]],
) -> None:
    found = walk_through(small_data_set(pixels, {}), quiet)

    assert not found.faults and set(found.kinds) == {"rgb", "nir"}


@pytest.fixture(scope="module")
def rooms() -> list[tuple[Image, Image]]:
    """RGB and depth of a few rooms, aligned."""
    data_set = open_dataset(DataConfig(options={"train": 12, "val": 1, "test": 1, "size": 96}))
    source = data_set.source
    return [(source.image(n, "rgb"), source.image(n, "depth")) for n in data_set.train.names]


def shift_of(pairs: list[tuple[Image, Image]]) -> Shift:
    return shift_of_edges([(edges_of(anchor), edges_of(other)) for anchor, other in pairs])


def shift_of_edges(pairs: list[Edges]) -> Shift:
    alignment = Alignment()
    for anchor, other in pairs:
        alignment.add(anchor, other)
    return alignment.shift()


@pytest.fixture(scope="module")
def edges(rooms: list[tuple[Image, Image]]) -> list[Edges]:
    return [(edges_of(rgb), edges_of(depth)) for rgb, depth in rooms]


def test_aligned_sensors_are_not_suspected(edges: list[Edges]) -> None:
    for pairs in (edges, edges[:4]):
        shift = shift_of_edges(pairs)
        assert shift.known and not shift.suspicious and not shift.unrelated
        assert max(abs(shift.down), abs(shift.across)) <= 0.01


@pytest.mark.parametrize(("down", "across"), [(0, 4), (-7, 0), (10, -12)])
def test_a_shifted_sensor_is_found_and_measured(
    rooms: list[tuple[Image, Image]], down: int, across: int
) -> None:
    """As from a camera that sees another part of the scene, without wrapping around."""
    rows, columns = 96 - abs(down), 96 - abs(across)
    seen = [
        (
            rgb[max(0, down) :, max(0, across) :][:rows, :columns],
            depth[max(0, -down) :, max(0, -across) :][:rows, :columns],
        )
        for rgb, depth in rooms
    ]

    shift = shift_of(seen)

    assert shift.suspicious
    assert abs(shift.down - down / rows) <= 0.012 and abs(shift.across - across / columns) <= 0.012


def test_wrongly_matched_pairs_are_unrelated(edges: list[Edges]) -> None:
    for turn in (1, 5):
        others = [depth for _, depth in edges[turn:] + edges[:turn]]
        wrong = [(rgb, other) for (rgb, _), other in zip(edges, others, strict=True)]
        shift = shift_of_edges(wrong)
        assert shift.unrelated and not shift.known and not shift.suspicious


def test_images_without_edges_have_no_known_shift() -> None:
    flat = np.full((20, 30, 3), 0.5, dtype=np.float32)

    assert not shift_of_edges([(edges_of(flat), edges_of(flat))] * 12).known


def test_a_shifted_modality_is_reported_with_its_direction(
    rooms: list[tuple[Image, Image]],
) -> None:
    names = tuple(f"{number}" for number in range(len(rooms)))
    images: dict[tuple[str, str], NDArray[Any]] = {}
    for name, (rgb, depth) in zip(names, rooms, strict=True):
        images[name, "rgb"], images[name, "nir"] = rgb[:, 6:], depth[:, :-6]
    data_set = dataclasses.replace(
        small_data_set(images, {}),
        train=Split(names=names, labelled=False),
        val=Split(names=(), labelled=False),
        test=Split(names=(), labelled=False),
    )

    (finding,) = walk_through(data_set, quiet).suspicions

    assert finding.kind == "shifted" and "of the width to the right" in finding.text
    assert "nir is shifted by" in finding.text and "by the edges of 12 pairs" in finding.text


def test_the_command_reports_faults_and_fails_if_training_would(
    street: Path, street_config: Street, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = street_config(street)
    assert inspect_data(config, cache=tmp_path / "cache", as_json=False)
    assert "training would start: nothing is wrong" in capsys.readouterr().out
    bonn(street, "disparity", "disparity").write_bytes(b"")

    assert not inspect_data(config, cache=tmp_path / "cache", as_json=False)
    said = capsys.readouterr().out
    assert "fault (unreadable): cannot decode the image" in said
    assert "training would fail: 1 fault (unreadable)" in said and "road" in said
    assert not inspect_data(config, cache=tmp_path / "cache", as_json=True)
    printed = json.loads(capsys.readouterr().out)
    assert printed["trains"] is False and printed["splits"]["train"]["images"] == 2
    assert printed["kinds"]["disparity"]["stored as"] == {"uint16 x 1": 5}
    assert printed["faults"][0]["kind"] == "unreadable"
    assert not (tmp_path / "cache").exists()


def test_faults_with_one_cause_are_one_line_with_their_count(
    street: Path, street_config: Street, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    colour = np.zeros((48, 96, 3), dtype=np.uint8)
    for number in range(2):
        path = bonn(street, "disparity", "disparity", number)
        PIL.Image.fromarray(colour).save(path)
    bonn(street, "gtFine", "gtFine_labelIds").write_bytes(b"")

    inspect_data(street_config(street), cache=tmp_path / "cache", as_json=False)

    faults = [line for line in capsys.readouterr().out.splitlines() if line.startswith("fault")]
    first = bonn(street, "disparity", "disparity")
    assert [line.partition(first.name)[0] for line in faults[:1]] == [
        f"fault (unreadable): 2 files; the first: {first.parent}/"
    ]
    assert len(faults) == 2 and "cannot decode the image" in faults[1]
    inspect_data(street_config(street), cache=tmp_path / "cache", as_json=True)
    assert len(json.loads(capsys.readouterr().out)["faults"]) == 3


def test_unused_files_are_one_line_per_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "data"
    MAKERS["folder"].LAYOUTS["lists"](root)
    for inner, count in (("colour", 2), ("labels", 3)):
        for index in range(count):
            (root / inner / f"left{index}.HEIC").touch()

    assert inspect_file(root, cache=tmp_path / "cache", as_json=False)

    lines = [line for line in capsys.readouterr().out.splitlines() if "(unused):" in line]
    assert [line.partition(" files are in ")[0] for line in lines] == [
        "suspicious (unused): 2",
        "suspicious (unused): 3",
    ]


@pytest.mark.parametrize("given", ["dataset.toml", ""])
def test_a_described_data_set_is_inspected_without_a_run(
    given: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both by the description itself and by its folder."""
    MAKERS["folder"].LAYOUTS["lists"](tmp_path)

    assert inspect_file(tmp_path / given, cache=tmp_path / "cache", as_json=False)

    said = capsys.readouterr().out
    assert "settings: preset own" in said and "dataset.toml: data.modalities" in said
    assert "training would start" in said
    for name in ("rgb", "thermal", "height", "angle", "plant"):
        assert name in said


def test_a_run_is_inspected_from_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "run.toml"
    file.write_text(
        '[data]\nname = "rooms"\noptions = { train = 3, val = 2, test = 1, size = 48 }'
    )

    assert inspect_file(file, cache=tmp_path / "cache", as_json=True)
    printed = json.loads(capsys.readouterr().out)
    assert printed["splits"]["train"]["images"] == 3


def test_a_description_in_place_of_a_run_stands_for_a_run_on_its_data(tmp_path: Path) -> None:
    MAKERS["folder"].LAYOUTS["lists"](tmp_path)
    file = tmp_path / "my set.toml"
    (tmp_path / "dataset.toml").rename(file)

    data = read_config(file).data

    assert (data.name, data.root) == ("folder", str(file))
    assert data.modalities == ("rgb", "thermal", "height", "angle")


def test_a_missing_folder_fails_and_a_wrong_setting_is_refused(
    tmp_path: Path, street_config: Street, street: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for as_json in (False, True):
        assert not inspect_data(street_config(tmp_path / "none"), cache=None, as_json=as_json)
    plain, as_object = capsys.readouterr().out.split("training would fail\n")
    assert plain.startswith("fault: ") and json.loads(as_object)["trains"] is False
    config = dataclasses.replace(
        street_config(street), features=FeatureConfig(train_resolution=25, eval_resolution=48)
    )
    with pytest.raises(ConfigError, match="train_resolution = 25"):
        inspect_data(config, cache=None, as_json=False)


def test_a_full_disk_is_reported_unless_the_cache_entry_exists(
    rooms_config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_set, cache = find_dataset(rooms_config.data), tmp_path / "cache"
    plenty = measure_readiness(rooms_config, data_set, cache)
    assert plenty.needed is not None and not plenty.faults and not plenty.built
    monkeypatch.setattr(readiness, "free_space", lambda _: plenty.needed + SPARE - 1)

    (fault,) = measure_readiness(rooms_config, data_set, cache).faults
    assert fault.kind == "disk" and str(cache) in fault.text
    prepare(rooms_config, cache=cache)
    ready = measure_readiness(rooms_config, data_set, cache)
    assert ready.built and not ready.faults
