"""Cache entries after kills at many points, on full disks, and with flipped bytes.

One process is started for all of it; it forks a child for each attack, since starting one
takes longer than the attack.
"""

import gc
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.trainer_command import call_trainer
from trainer.config.configuration import DataConfig, FeatureConfig, TrainConfig
from trainer.config.toml_records import record_to_table, toml_text
from trainer.errors import CacheError
from trainer.features import cache_entry, prepare

CONFIG = TrainConfig(
    data=DataConfig(options={"train": 4, "val": 1, "test": 1, "size": 48}),
    features=FeatureConfig(train_resolution=24, eval_resolution=48, neighbours=10),
)

#: Prints one JSON list. Each child builds a cache entry in its own folder and is stopped at its
#: n-th system call that opens, writes, flushes, creates, renames or removes a file: by SIGKILL, or
#: by an error as from a full disk. Then another child inspects the folder and builds again.
PROGRAM = """
import errno, json, os, random, signal, sys
from pathlib import Path
import numpy as np
from trainer.errors import CacheError
from trainer.features.cache_entry import EntryWriter, read_entry
from trainer.features.cache import build_once, hold
from trainer.features.inventory import list_entries, remove_entry

root, seed = Path(sys.argv[1]), int(sys.argv[2])
CALLS = {"open", "write", "flush", "fsync", "close", "rename", "mkdir", "rmdir", "unlink"}
OURS = ("trainer/features/", "pathlib", "shutil")

def fill(partial):
    with EntryWriter(folder=partial) as entry:
        entry.write("statistics", np.arange(8.0))
        for name in ("train.rgb", "train.labels"):
            array = entry.begin(name, (30, 400), np.float32)
            for start in range(0, 30, 5):
                array.append(np.full((5, 400), start))
            entry.finish()
        entry.seal({"names": ["a", "b"]})

def build():
    return build_once(folder, "key", build=fill, waits=lambda: None)[0]

def attack(point, act):
    seen = 0
    def watch(frame, event, function):
        nonlocal seen
        ours = any(name in frame.f_code.co_filename for name in OURS)
        if event == "c_call" and ours and function.__name__ in CALLS:
            seen += 1
            if seen == point:
                sys.setprofile(None)
                act()
    sys.setprofile(watch)
    try:
        build()
    finally:
        sys.setprofile(None)
    return seen

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

def refuse():
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

def in_child(work):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            said = work()
        except CacheError as error:
            said = "CacheError: " + str(error)
        except BaseException as error:
            said = "UNEXPECTED " + repr(error)
        os.write(writing, json.dumps(said).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else None

def look():
    entries = list_entries(folder)
    for entry in entries:
        if entry.complete:
            read_entry(entry.folder, verify="all")
    return [entry.state for entry in entries]

def rebuild():
    return {path.name: path.read_bytes().hex() for path in build().iterdir()}

folder = root / "sound"
calls = in_child(lambda: attack(0, kill))
sound = in_child(rebuild)
points = random.Random(seed).sample(range(1, calls - 7), 8) + list(range(calls - 7, calls + 1))
found = [{"calls": calls, "files": sorted(sound)}]
for way, act in (("kill", kill), ("full", refuse)):
    for point in points:
        folder = root / f"{way}-{point}"
        said = in_child(lambda: attack(point, act))
        state, same = in_child(lambda: (look(), rebuild() == sound))
        found.append({"way": way, "point": point, "said": said, "state": state, "same": same})
folder = root / "sound"
(entry,) = list_entries(folder)
use = hold(entry.folder)
said = in_child(lambda: remove_entry(entry))
found.append({"way": "prune", "said": said, "state": in_child(look)})
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def attacks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    root = tmp_path_factory.mktemp("attacks")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(root), "7"],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def of(attacks: list[dict[str, object]], way: str) -> list[dict[str, object]]:
    return [attack for attack in attacks if attack.get("way") == way]


def test_killed_anywhere_an_entry_is_sound_or_absent_and_built_again(
    attacks: list[dict[str, object]],
) -> None:
    killed = of(attacks, "kill")
    assert len(killed) == 16 and attacks[0]["calls"] > 30  # type: ignore[operator]
    states = []
    for attack in killed:
        assert attack["said"] is None, "it was killed"
        assert attack["state"] in ([], ["incomplete"], ["complete"]), attack
        assert attack["same"], attack
        states += attack["state"]
    assert {"incomplete", "complete"} <= set(states), "both sides of the rename were met"


def test_a_disk_that_is_full_anywhere_is_one_line_and_leaves_nothing(
    attacks: list[dict[str, object]],
) -> None:
    for attack in of(attacks, "full"):
        said = str(attack["said"])
        assert not said.startswith("UNEXPECTED") and "\n" not in said, attack
        if said.startswith("CacheError"):
            assert "No space left on device" in said and "free space" in said
            assert attack["state"] in ([], ["complete"]), attack
        assert attack["same"], attack
    refused = [a for a in of(attacks, "full") if str(a["said"]).startswith("CacheError")]
    assert len(refused) >= 6


def test_an_entry_that_another_process_uses_is_not_pruned(
    attacks: list[dict[str, object]],
) -> None:
    (pruned,) = of(attacks, "prune")

    assert pruned["said"] is None and pruned["state"] == ["complete"]


@pytest.fixture
def built(tmp_path: Path) -> Path:
    folder = prepare(CONFIG, cache=tmp_path / "cache").folder
    assert folder is not None
    return folder


def flip(path: Path, generator: np.random.Generator) -> None:
    data = bytearray(path.read_bytes())
    data[generator.integers(len(data))] ^= 1 << int(generator.integers(8))
    path.write_bytes(data)


def test_a_flipped_bit_in_any_file_is_found_before_a_run(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries of any size: the exception for small ones is disabled."""
    monkeypatch.setattr(cache_entry, "SMALL", 0)
    generator = np.random.default_rng(3)
    for path in sorted(built.iterdir()):
        whole = path.read_bytes()
        flip(path, generator)
        with pytest.raises(CacheError, match=r"is damaged .*delete that folder") as caught:
            prepare(CONFIG, cache=tmp_path / "cache")
        assert "\n" not in str(caught.value)
        path.write_bytes(whole)
    prepare(CONFIG, cache=tmp_path / "cache")


def test_reading_back_a_large_entry_is_shown(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_entry, "SMALL", 0)
    steps: list[str] = []

    prepare(CONFIG, cache=tmp_path / "cache", progress=lambda what, *_: steps.append(what))

    assert steps and len(set(steps)) == 1 and "checksums" in steps[0]


def test_fit_and_features_refuse_a_flipped_bit_and_rebuild_a_deleted_entry(
    built: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    toml = tmp_path / "run.toml"
    toml.write_text(toml_text(record_to_table(CONFIG)))
    common = (toml, "--cache", tmp_path / "cache", "--device", "cpu")
    assert call_trainer("features", *common, "--verify") == 0
    assert "verified: every file matches its checksum" in capsys.readouterr().out
    flip(built / "train.rgb.npy", np.random.default_rng(5))

    for verb in (("fit", "--out", tmp_path / "out"), ("features",), ("features", "--verify")):
        assert call_trainer(verb[0], *common, *verb[1:]) == 2
        error = capsys.readouterr().err.strip()
        assert "train.rgb.npy does not match its checksum" in error and "\n" not in error
    assert not (tmp_path / "out").exists()
    gc.collect()  # the errors' frames still refer to the entry
    pruned = ("cache", "prune", "--cache", tmp_path / "cache", "--larger-than", "1kB", "--yes")
    assert call_trainer(*pruned) == 0
    assert call_trainer("features", *common) == 0


def test_the_size_is_predicted(built: Path) -> None:
    """The size that the check of free disk expects, against the size on disk."""
    from trainer.datasets import open_dataset
    from trainer.inspection import measure_readiness

    needed = measure_readiness(CONFIG, open_dataset(CONFIG.data), built.parent.parent).needed

    assert needed is not None
    actual = sum(path.stat().st_size for path in built.iterdir())
    assert 0 < actual - needed < 12_000  # headers, manifest, statistics


def test_the_predicted_size_of_coco_stuff() -> None:
    """49,629 and 2,175 images (twice: val and test), five crops, ViT-S/16, float16: 37 GB of
    train features, and the labels with them."""
    from types import SimpleNamespace

    from trainer.datasets.base import Split
    from trainer.features.extraction import Extraction

    def split(count: int) -> Split:
        return Split(names=("",) * count, labelled=True)

    data_set = SimpleNamespace(
        train=split(49_629), val=split(2_175), test=split(2_175), modalities=("rgb",)
    )
    extraction = Extraction(
        data_set=data_set,  # type: ignore[arg-type]
        backbone=SimpleNamespace(channels=384, patch=16),
        config=FeatureConfig(),
        device=SimpleNamespace(),  # type: ignore[arg-type]
        progress=print,
    )

    crops = 5 * 49_629
    features = crops * 14 * 14 * 384 * 2
    assert round(features / 1e9, 1) == 37.4
    labels, neighbours = crops * 224**2, crops * 30 * 8
    evaluation = 2 * 2_175 * (20 * 20 * 384 * 2 + 320**2)
    assert extraction.size() == features + labels + neighbours + evaluation
