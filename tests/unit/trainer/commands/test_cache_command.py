"""The entries of the cache are listed; an entry in use is never removed."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from trainer.commands.cache import Choice, list_cache, prune_cache, read_age, read_size
from trainer.errors import CacheError, ConfigError
from trainer.features.cache import build_once, hold
from trainer.features.cache_entry import EntryWriter
from trainer.features.inventory import list_entries, remove_entry

TABLES = {
    "data": {"name": "rooms", "modalities": ["rgb", "depth"]},
    "backbone": {"name": "patch-stats"},
    "features": {"train_resolution": 24, "eval_resolution": 48, "dtype": "float16"},
}
DAY = 86400


def make(root: Path, key: str, *, rows: int = 10) -> Path:
    def fill(folder: Path) -> None:
        with EntryWriter(folder=folder) as writer:
            writer.write("rows", np.zeros((rows, 50), dtype=np.float32))
            writer.seal({"made from": TABLES})

    return build_once(root, key, build=fill, waits=pytest.fail)[0]


def age(folder: Path, days: float) -> None:
    moment = time.time() - days * DAY
    os.utime(folder / "manifest.json", (moment, moment))


def keys(root: Path) -> set[str]:
    return {entry.key for entry in list_entries(root)}


def prune(root: Path, **choice: object) -> None:
    prune_cache(Choice(**choice), cache=root, sure=True, ask=lambda _: pytest.fail("asked"))  # type: ignore[arg-type]


def test_a_cache_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert list_entries(tmp_path / "none") == ()


def test_entries_are_listed_with_their_state_and_source(tmp_path: Path) -> None:
    whole, cut = make(tmp_path, "whole"), make(tmp_path, "cut", rows=20)
    (cut / "rows.npy").write_bytes(b"half")
    (tmp_path / "banks/left.partial").mkdir()
    (tmp_path / "banks/left.partial/rows.npy").write_bytes(b"12345")
    age(whole, 3)

    entries = {entry.key: entry for entry in list_entries(tmp_path)}

    assert {key: entry.state for key, entry in entries.items()} == {
        "whole": "complete",
        "cut": "damaged",
        "left": "incomplete",
    }
    assert not any(entry.in_use for entry in entries.values())
    assert entries["left"].size == 5 and entries["left"].made_from == {}
    assert entries["whole"].size == sum(path.stat().st_size for path in whole.iterdir())
    assert entries["whole"].made_from == TABLES
    assert time.time() - entries["whole"].used_at == pytest.approx(3 * DAY, abs=60)
    assert entries["whole"].built_at > entries["whole"].used_at
    assert [entry.key for entry in list_entries(tmp_path)][-1] == "whole"  # the last used is first


def test_opening_an_entry_is_a_use_of_it(tmp_path: Path) -> None:
    folder = make(tmp_path, "entry")
    age(folder, 40)
    assert hold(folder) is not None  # and released at once

    (entry,) = list_entries(tmp_path)

    assert time.time() - entry.used_at < DAY and not entry.in_use


def test_an_entry_in_use_is_kept_until_it_is_released(tmp_path: Path) -> None:
    folder = make(tmp_path, "entry")
    use = hold(folder)
    (entry,) = list_entries(tmp_path)

    assert entry.in_use and entry.complete
    assert remove_entry(entry) is None and folder.exists()
    del use
    assert remove_entry(entry) == entry.size and not folder.exists()
    assert list_entries(tmp_path) == ()


def test_an_entry_being_built_is_kept(tmp_path: Path) -> None:
    def build(partial: Path) -> None:
        (partial / "rows.npy").write_bytes(b"half")
        (entry,) = list_entries(tmp_path)
        assert (entry.key, entry.state) == ("entry", "being built")
        prune(tmp_path, incomplete=True)
        prune(tmp_path, every=True)
        assert (partial / "rows.npy").exists()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_once(tmp_path, "entry", build=build, waits=pytest.fail)


def test_a_removed_entry_can_be_built_again(tmp_path: Path) -> None:
    make(tmp_path, "entry")
    prune(tmp_path, every=True)

    assert keys(tmp_path) == set()
    make(tmp_path, "entry")
    assert keys(tmp_path) == {"entry"}


def test_only_chosen_entries_are_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for key, days, rows in (("old", 40, 10), ("big", 1, 500), ("oldbig", 40, 500), ("new", 1, 10)):
        age(make(tmp_path, key, rows=rows), days)
    (make(tmp_path, "cut") / "rows.npy").write_bytes(b"half")

    prune(tmp_path, incomplete=True)
    assert keys(tmp_path) == {"old", "big", "oldbig", "new"}
    capsys.readouterr()
    prune(tmp_path, older_than=30 * DAY, larger_than=50_000.0)
    assert keys(tmp_path) == {"old", "big", "new"}
    said = capsys.readouterr().out
    assert "removed 1 entry, freed 98 KiB; " in said
    prune(tmp_path, larger_than=50_000.0)
    assert keys(tmp_path) == {"old", "new"}
    prune(tmp_path, older_than=30 * DAY)
    assert keys(tmp_path) == {"new"}
    prune(tmp_path, older_than=30 * DAY)
    assert "there is nothing to remove" in capsys.readouterr().out
    prune(tmp_path, every=True)
    assert keys(tmp_path) == set()


def test_pruning_prints_what_it_keeps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    use = hold(make(tmp_path, "taken"))
    make(tmp_path, "free")

    prune(tmp_path, every=True)

    said = capsys.readouterr().out
    assert "kept taken: a running process uses it" in said and "removed 1 entry" in said
    assert use is not None and keys(tmp_path) == {"taken"}


def test_pruning_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path, "entry")
    with pytest.raises(ConfigError, match="give --yes"):
        prune_cache(Choice(every=True), cache=tmp_path, sure=False, ask=pytest.fail)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    asked: list[str] = []

    def asker(answer: bool) -> Callable[[str], bool]:
        def ask(question: str) -> bool:
            asked.append(question)
            return answer

        return ask

    for answer, left in ((False, {"entry"}), (True, set())):
        prune_cache(
            Choice(every=True),
            cache=tmp_path,
            sure=False,
            ask=asker(answer),
        )
        assert keys(tmp_path) == left
    assert asked == ["remove 1 entry?"] * 2
    assert "rooms (rgb, depth), patch-stats, 24/48 px, float16" in capsys.readouterr().out


def test_pruning_nothing_in_particular_is_refused(tmp_path: Path) -> None:
    make(tmp_path, "entry")
    with pytest.raises(ConfigError, match="--older-than 30d, --larger-than 10GiB, --incomplete"):
        prune(tmp_path)
    assert keys(tmp_path) == {"entry"}


def test_an_entry_that_cannot_be_deleted_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make(tmp_path, "entry")
    (entry,) = list_entries(tmp_path)

    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(CacheError, match=r"cannot delete .*Permission denied.*change its"):
        remove_entry(entry)
    assert folder.exists()


def test_the_list_is_a_table_or_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path, "0123456789abcdef")

    list_cache(cache=tmp_path, as_json=False)
    said = capsys.readouterr().out
    assert "01234567  rooms (rgb, depth), patch-stats" in said and "1 entry, 3 KiB; " in said
    list_cache(cache=tmp_path, as_json=True)
    (entry,) = json.loads(capsys.readouterr().out)
    assert entry["state"] == "complete" and entry["made from"] == TABLES and not entry["in use"]


@pytest.mark.parametrize(("text", "value"), [("12h", 43200), ("30d", 30 * DAY), ("1.5w", 907200)])
def test_ages_are_read(text: str, value: float) -> None:
    assert read_age(text) == value


@pytest.mark.parametrize(
    ("text", "value"), [("500MB", 5e8), ("10 gb", 1e10), ("1.5TB", 1.5e12), ("10GiB", 10 * 2**30)]
)
def test_sizes_are_read(text: str, value: float) -> None:
    assert read_size(text) == value


@pytest.mark.parametrize("text", ["", "30", "d", "30y", "-3d", "3d2h", "10GB"])
def test_an_invalid_age_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"give a number and a unit, .*12h"):
        read_age(text)
