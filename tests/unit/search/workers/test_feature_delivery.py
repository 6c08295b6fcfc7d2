"""How a cache entry is delivered to a node that lacks it, once per node."""

import dataclasses
import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from search.workers.feature_delivery import Delivery, rebuilding_pays, seconds_to_rebuild
from trainer.config.configuration import TrainConfig
from trainer.config.toml_records import build_record
from trainer.errors import CacheError
from trainer.features import open_dataset_features, prepare
from trainer.features.cache_entry import read_entry

TINY = {
    "data": {"options": {"train": 4, "val": 2, "test": 2, "size": 64}},
    "features": {"train_resolution": 32, "eval_resolution": 64},
}
PIECE = 5000


@dataclass
class RecordedTransfer:
    """A cache entry in a folder, sent in pieces; each piece advances a clock."""

    folder: Path
    seconds_per_piece: float = 0.0
    now: float = 0.0
    manifests: int = 0
    names: list[str] = field(default_factory=list)
    damage: str | None = None

    def manifest(self) -> str:
        self.manifests += 1
        return (self.folder / "manifest.json").read_text()

    def pieces(self, name: str, size: int) -> Iterator[memoryview]:
        self.names.append(name)
        data = bytearray((self.folder / f"{name}.npy").read_bytes())
        assert len(data) == size
        if name == self.damage:
            data[-1] ^= 1
        for start in range(0, size, PIECE):
            self.now += self.seconds_per_piece
            yield memoryview(data[start : start + PIECE])

    def clock(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def config() -> TrainConfig:
    return build_record(TrainConfig, TINY)


@pytest.fixture(scope="module")
def entry(tmp_path_factory: pytest.TempPathFactory, config: TrainConfig) -> Path:
    """The driver's entry."""
    folder = prepare(config, cache=tmp_path_factory.mktemp("driver")).folder
    assert folder is not None
    return folder


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of a node that sees none of the driver's folders."""
    monkeypatch.setenv("UMSS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def delivery(entry: Path, sent: RecordedTransfer, config: TrainConfig) -> Delivery:
    named = Path("/nowhere/banks") / entry.name
    return Delivery(named=named, source=sent, config=config, device="cpu", clock=sent.clock)


def same_files(first: Path, second: Path) -> bool:
    names = sorted(path.name for path in first.iterdir())
    assert names == sorted(path.name for path in second.iterdir())
    return all((first / name).read_bytes() == (second / name).read_bytes() for name in names)


def test_an_entry_that_the_node_sees_is_opened_in_place(entry: Path, config: TrainConfig) -> None:
    sent = RecordedTransfer(entry)
    seen = dataclasses.replace(delivery(entry, sent, config), named=entry)
    assert seen.folder() == entry and sent.manifests == 0


def test_an_entry_arrives_bit_for_bit(entry: Path, config: TrainConfig, node: Path) -> None:
    folder = delivery(entry, RecordedTransfer(entry), config).folder()
    assert folder == node / "banks" / entry.name
    assert same_files(folder, entry)
    open_dataset_features(folder, verify="all")


def test_it_is_stored_in_the_folder_named_by_the_driver_if_the_node_has_it(
    entry: Path, config: TrainConfig, node: Path, tmp_path: Path
) -> None:
    named = tmp_path / "local" / "banks" / entry.name
    (tmp_path / "local").mkdir()
    sent = RecordedTransfer(entry)
    assert dataclasses.replace(delivery(entry, sent, config), named=named).folder() == named
    assert same_files(named, entry) and not node.exists()


def test_many_workers_of_a_node_have_it_sent_once(
    entry: Path, config: TrainConfig, node: Path
) -> None:
    sent, found = RecordedTransfer(entry), []
    workers = [
        threading.Thread(target=lambda: found.append(delivery(entry, sent, config).folder()))
        for _ in range(8)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    assert found == [node / "banks" / entry.name] * 8
    content, _ = read_entry(entry)
    fetched = sorted(sent.names)
    assert set(fetched) == set(content)
    assert len(fetched) == len(content) + 1, "one array a second time, to measure the wire"


@pytest.mark.parametrize("damage", ["train.rgb", "val.labels"])
def test_an_entry_that_arrives_damaged_is_discarded(
    entry: Path, config: TrainConfig, node: Path, damage: str
) -> None:
    sent = RecordedTransfer(entry, damage=damage)
    with pytest.raises(CacheError, match=f"arrived damaged on this node .{damage} differs"):
        delivery(entry, sent, config).folder()
    assert list((node / "banks").glob(f"{entry.name}*")) == [node / "banks" / f"{entry.name}.lock"]
    sent.damage = None
    assert same_files(delivery(entry, sent, config).folder(), entry)


@pytest.mark.parametrize("name", ["../escaped", "/tmp/escaped", "a/b", ".hidden", ""])
def test_a_manifest_that_names_other_files_is_refused(
    config: TrainConfig, node: Path, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "hostile"
    folder.mkdir()
    arrays = {name: {"size": 1, "checksum": "x"}}
    (folder / "manifest.json").write_text(json.dumps({"arrays": arrays, "description": {}}))
    with pytest.raises(CacheError, match="lists no arrays or unsafe file names"):
        delivery(folder, RecordedTransfer(folder), config).folder()


@pytest.mark.parametrize(
    ("wire", "rebuild", "pays"),
    [
        (30.0, 0.0, False),  # a short wire is not worth a backbone
        (31.0, 15.0, True),
        (31.0, 16.0, False),  # not clearly cheaper
        (1e6, None, False),  # no images here
        (1e6, 1e5, True),
    ],
)
def test_the_rule(wire: float, rebuild: float | None, pays: bool) -> None:
    assert rebuilding_pays(wire, lambda: rebuild) is pays


def test_a_short_transfer_needs_no_backbone() -> None:
    def never() -> float:
        raise AssertionError("asked")

    assert rebuilding_pays(29.0, never) is False


def test_over_a_slow_connection_features_are_computed_again(
    entry: Path, config: TrainConfig, node: Path
) -> None:
    sent = RecordedTransfer(entry, seconds_per_piece=1000.0)
    folder = delivery(entry, sent, config).folder()
    assert len(sent.names) == 1, "more was sent than the pieces that tell the wire's pace"
    assert same_files(folder, entry)
    assert folder == node / "banks" / entry.name


def test_a_node_without_the_images_has_it_sent_however_slow(
    entry: Path, config: TrainConfig, node: Path
) -> None:
    data = dataclasses.replace(config.data, name="nyu", root="/nowhere/at/all", options={})
    elsewhere = dataclasses.replace(config, data=data)
    assert seconds_to_rebuild(elsewhere, "cpu", lambda: 0.0) is None
    sent = RecordedTransfer(entry, seconds_per_piece=1000.0)
    assert same_files(delivery(entry, sent, elsewhere).folder(), entry)


def test_other_images_under_the_same_name_are_not_taken(
    entry: Path, config: TrainConfig, node: Path
) -> None:
    other = dataclasses.replace(config.data, options={**config.data.options, "train": 5})
    sent = RecordedTransfer(entry, seconds_per_piece=1000.0)
    folder = delivery(entry, sent, dataclasses.replace(config, data=other)).folder()
    assert folder.name == entry.name and same_files(folder, entry)


def test_features_computed_on_another_kind_of_device_are_sent(
    entry: Path, config: TrainConfig, node: Path, tmp_path: Path
) -> None:
    copy = tmp_path / entry.name
    shutil.copytree(entry, copy)
    text = (copy / "manifest.json").read_text().replace('"device": "cpu"', '"device": "cuda"')
    (copy / "manifest.json").write_text(text)
    sent = RecordedTransfer(copy, seconds_per_piece=1000.0)
    with pytest.raises(CacheError, match="does not match its checksum"):  # changed here by hand
        delivery(copy, sent, config).folder()
    assert len(sent.names) == len(set(sent.names)), "the wire was measured for nothing"
