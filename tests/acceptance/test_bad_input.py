"""Bad input ends in one line that says how to fix it, before any worker starts."""

import datetime
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, Never

import numpy as np
import optuna
import pytest
from PIL import Image
from sqlalchemy import text
from typer.testing import CliRunner, Result

from search.commands.app import app
from search.config.configuration import resolve
from search.driver.parts import Parts
from search.driver.study_store import trial_template
from search.launch.launching import PREFETCHED
from search.objectives.miou_accuracy import MIOU_ACCURACY
from search.records.outcome import Completed, trial_end, write_end
from storage.address import parse_address
from storage.database import open_database
from storage.optuna_schema import MARK_ATTRIBUTE
from storage.optuna_store import open_optuna
from storage.studies import NewStudy, create_study, list_studies
from tests.fakes.scratch import scratch_root
from trainer.features import prepare
from trainer.seeds import numpy_generator

Run = Callable[..., str]


@pytest.fixture
def refused(tmp_path: Path, embedded_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command that must be refused; returns its one line."""

    def no_workers(*arguments: object, **options: object) -> Never:
        raise AssertionError("a worker was about to start")

    monkeypatch.setenv("UMSS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("UMSS_BOOKINGS", str(tmp_path / "bookings"))

    def run(*arguments: str, storage: str | None = None) -> str:
        places = ["--checkpoints", str(tmp_path / "checkpoints")]
        where = ["--storage", storage or f"embedded:{embedded_folder}"]
        parts = Parts(open_workers=no_workers)
        result: Result = CliRunner().invoke(app, [*arguments, *places, *where], obj=parts)
        lines = result.stderr.strip().splitlines()
        assert result.exit_code == 2, result.output
        assert len(lines) == 1 and lines[0].startswith("error: "), result.output
        return lines[0]

    return run


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """A tiny copy of the Cityscapes layout: three cities, two frames each."""
    generator = numpy_generator(0, "frames")
    for city in ("aachen", "bochum", "ulm"):
        for number in range(2):
            name = f"{city}_{number:06d}_000019"
            write(tmp_path, "leftImg8bit", city, f"{name}_leftImg8bit.png",
                  generator.integers(0, 256, (64, 128, 3), dtype=np.uint8))  # fmt: skip
            write(tmp_path, "disparity", city, f"{name}_disparity.png",
                  generator.integers(1, 9000, (64, 128), dtype=np.uint16))  # fmt: skip
            write(tmp_path, "gtFine", city, f"{name}_gtFine_labelIds.png",
                  generator.integers(0, 34, (64, 128), dtype=np.uint8))  # fmt: skip
    return tmp_path / "city"


def write(root: Path, kind: str, city: str, name: str, pixels: np.ndarray) -> None:
    folder = root / "city" / kind / "train" / city
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder / name)


def toml(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    return ["launch", "--config", str(path)]


CITY = ["launch", "--preset", "cityscapes-rgbd", "--data"]


def test_unknown_names_list_the_valid_ones(refused: Run, tmp_path: Path) -> None:
    message = refused("launch", "--preset", "room")
    assert (
        "choose one of cityscapes-rgbd, cityscapes-rgbd-dinov3, " in message and "rooms" in message
    )
    assert "rooms" in refused(*toml(tmp_path, '[data]\nname = "moon"'))
    assert "patch-stats" in refused("launch", "--backbone", "resnet-ish")
    assert "depth" in refused("launch", "--modalities", "rgb,thermal")
    assert "unim2" in refused("launch", "--method", "magic")
    assert "tpe" in refused("launch", "--sampler", "magic")
    assert "competitive" in refused("launch", "--pruner", "magic")
    assert "paper" in refused("launch", "--space", "magic")
    assert "miou-accuracy, miou" in refused("launch", "--objective", "magic")


def test_numbers_out_of_range(refused: Run, tmp_path: Path) -> None:
    assert "--trials 0" in refused("launch", "--trials", "0")
    assert "lambda_self = 1.5 is out of range" in refused(
        *toml(tmp_path, "[hyper]\nlambda_self = 1.5")
    )
    assert "b_knn = -0.1 is out of range" in refused(*toml(tmp_path, "[hyper]\nb_knn = -0.1"))
    assert "--workers 0" in refused("launch", "--workers", "0")


def test_wrong_fixed_values_and_ranges(refused: Run) -> None:
    assert "did you mean 'b_self'" in refused("launch", "--fix", "b_slef=0.5")
    assert "b_self = 1.5 is out of range" in refused("launch", "--fix", "b_self=1.5")
    assert "give NAME=VALUE" in refused("launch", "--fix", "b_self")
    assert "the smaller one first" in refused("launch", "--range", "b_self=0.5:0.1")
    assert "numbers above 0" in refused("launch", "--range", "learning_rate=0:0.1")
    assert "stay within 0:1" in refused("launch", "--range", "b_self=0:2")
    both = ("--fix", "b_self=0.5", "--range", "b_self=0:0.5")
    assert "b_self is both fixed and searched" in refused("launch", *both)
    assert "no per-modality hyper-parameters" in refused(
        "launch", "--method", "stego", "--space", "per-modality"
    )


def test_patience_and_sharing_policy(refused: Run) -> None:
    for patience in ("nan", "inf", "-1"):
        assert f"--db-patience {patience}" in refused("launch", "--db-patience", patience)
    assert "exclude each other" in refused("launch", "--wait", "--oversubscribe")
    assert "--json needs --dry-run" in refused("launch", "--json")


def test_only_a_search_has_a_standby(refused: Run, tmp_path: Path) -> None:
    line = refused("confirm", "first", "--standby")
    assert line.startswith("error: --standby takes over a search, and confirms none: leave it out")
    assert "--standby waits for one study" in refused("table", str(tmp_path), "--standby")


def test_a_file_with_an_unknown_key_or_a_wrong_type(refused: Run, tmp_path: Path) -> None:
    message = refused(*toml(tmp_path, "[training]\niteration = 5"))
    assert "did you mean 'iterations'" in message
    assert "whole number" in refused(*toml(tmp_path, '[search]\ntrials = "many"'))
    assert "not valid TOML" in refused(*toml(tmp_path, "[search"))
    assert "cannot read" in refused("launch", "--config", str(tmp_path / "none.toml"))


def test_data_folders(refused: Run, tmp_path: Path) -> None:
    assert "none" in refused(*CITY, str(tmp_path / "none"))
    (tmp_path / "empty").mkdir()
    assert "empty" in refused(*CITY, str(tmp_path / "empty"))


def test_damaged_data_is_named(refused: Run, frames: Path) -> None:
    disparity = next(frames.glob("disparity/train/ulm/*000001*"))
    kept = disparity.read_bytes()
    disparity.unlink()
    assert "ulm_000001_000019" in refused(*CITY, str(frames))
    disparity.write_bytes(kept)

    label = next(frames.glob("gtFine/train/ulm/*000001*"))
    kept = label.read_bytes()
    Image.fromarray(np.zeros((10, 20), np.uint8)).save(label)
    assert "ulm_000001_000019_gtFine_labelIds.png" in refused(*CITY, str(frames))
    label.write_bytes(kept)

    image = next(frames.glob("leftImg8bit/train/bochum/*000000*"))
    image.write_bytes(image.read_bytes()[:2000])
    assert "bochum_000000_000019_leftImg8bit.png" in refused(*CITY, str(frames))


def test_unlabelled_data_is_refused_before_features_are_built(
    refused: Run, frames: Path, tmp_path: Path
) -> None:
    shutil.rmtree(frames / "gtFine")
    for dry in ([], ["--dry-run"], ["--study", "new"]):
        assert "needs labels on val for scoring" in refused(*CITY, str(frames), *dry)
    assert not (tmp_path / "cache").exists()


def test_a_home_is_expanded_wherever_a_path_is_given(
    refused: Run, frames: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "empty").mkdir()
    empty = str(tmp_path / "empty")
    assert empty in refused(*CITY, "~/empty")
    assert empty in refused(
        *toml(tmp_path, '[data]\nname = "cityscapes"\nroot = "~/empty"\nmodalities = ["rgb"]')
    )
    assert empty in refused("launch", "--config=~/settings.toml")
    assert f"{tmp_path}/none" in refused("launch", "--password-file=~/none")
    vit = [*CITY, "~/city", "--backbone", "vit_tiny_patch16_224"]
    assert f"{tmp_path}/none" in refused(*vit, "--backbone-weights=~/none")
    assert not Path("~").exists()


def test_weights_that_are_missing_are_never_random_by_accident(
    refused: Run, frames: Path, tmp_path: Path
) -> None:
    vit = [*CITY, str(frames), "--backbone", "vit_tiny_patch16_224", "--backbone-weights"]
    message = refused(*vit, str(tmp_path / "none.safetensors"))
    assert "none.safetensors" in message


def test_addresses(refused: Run) -> None:
    assert "UMSS_STORAGE" in refused("launch", storage="postgresql://me:secret@localhost/x")
    assert "SQLite" in refused("launch", storage="sqlite:///study.db")
    assert "PostgreSQL" in refused("launch", storage="mysql://me@localhost/x")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    message = refused("launch", storage=f"postgresql://me@127.0.0.1:{port}/x")
    assert "cannot open postgresql://me@127.0.0.1" in message


def test_no_secret_is_repeated(refused: Run) -> None:
    message = refused("launch", storage="postgresql://me:s3cr3t@localhost/x")
    assert "s3cr3t" not in message


@pytest.fixture
def stored(tmp_path: Path, embedded_folder: Path) -> Iterator[str]:
    """A storage with a study ``old`` of 6 trials, of which 4 are finished."""

    address = f"embedded:{embedded_folder}"
    config = resolve("rooms", None, {"search": {"trials": 6}, "data": {"options": SMALL}})
    dataset_features = prepare(config.train, cache=tmp_path / "cache")
    with open_database(parse_address(address)) as database:
        new = NewStudy(
            config=config.to_table(),
            space=config.space().to_json(),
            seed=0,
            trials=6,
            versions={},
            fingerprints=dict(dataset_features.fingerprints),
            lag=1 + PREFETCHED,
        )
        record = create_study(database.engine, "old", new)
        storage = open_optuna(database)
        study_id = storage.create_new_study([optuna.study.StudyDirection.MAXIMIZE], "old")
        mark = record.created_at.astimezone(datetime.UTC).isoformat()
        storage.set_study_system_attr(study_id, MARK_ATTRIBUTE, mark)
        for _ in range(4):
            template = trial_template(config.space().defaults, config.space().distributions, 1)
            trial_id = storage.create_new_trial(study_id, template)
            write_end(storage, trial_id, trial_end(Completed(value=30.0), [], MIOU_ACCURACY))
        storage.engine.dispose()
        yield address


@pytest.mark.parametrize("trials", [0, 1])
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_an_optuna_study_of_the_same_name_is_refused_and_nothing_is_stored(
    direction: Literal["minimize", "maximize"],
    trials: int,
    refused: Run,
    tmp_path: Path,
    embedded_folder: Path,
) -> None:
    name = f"theirs-{direction}-{trials}"
    with open_database(parse_address(f"embedded:{embedded_folder}")) as database:
        storage = open_optuna(database)
        study = optuna.create_study(study_name=name, storage=storage, direction=direction)
        for _ in range(trials):
            study.add_trial(optuna.trial.create_trial(value=1.0))
        message = refused(*toml(tmp_path, SMALL_TOML), "--study", name)
        assert f"Optuna study named '{name}' that this program did not create" in message
        assert f"({direction.upper()}, {trials} trials): give --study another name" in message
        assert name not in [record.name for record in list_studies(database.engine)]
        assert len(study.trials) == trials
        storage.engine.dispose()


SMALL = {"train": 4, "val": 2, "test": 2, "size": 64}
SMALL_TOML = "[data.options]\ntrain = 4\nval = 2\ntest = 2\nsize = 64\n"


@pytest.fixture(scope="session")
def embedded_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="umss-", dir=scratch_root()))
    yield folder
    shutil.rmtree(folder)


def test_another_configuration_is_listed_and_a_smaller_target_refused(
    refused: Run, stored: str, tmp_path: Path
) -> None:
    launch = toml(tmp_path, SMALL_TOML + "[method]\ncode_dim = 12\n[search]\ntrials = 6\n")
    message = refused(*launch, "--study", "old", "--seed", "1", storage=stored)
    assert "method.code_dim: 24 → 12" in message and "search.seed: 0 → 1" in message
    message = refused("launch", "--study", "old", "--iterations", "70", storage=stored)
    assert "(training.iterations: 100 → 70): leave" in message, "only given settings are compared"
    own = toml(tmp_path, '[data]\nname = "folder"\nroot = "/none"')
    message = refused(*own, "--study", "old", storage=stored)
    assert "(data.name: rooms → folder): leave" in message
    begun = "--trials {} is too small: study 'old' has already finished or started 4 trials"
    message = refused("launch", "--study", "old", "--trials", "3", storage=stored)
    assert begun.format(3) in message
    launch = toml(tmp_path, SMALL_TOML)
    message = refused(*launch, "--study", "old", "--trials", "3", storage=stored)
    assert begun.format(3) in message
    message = refused("resume", "old", "--trials", "2", storage=stored)
    assert begun.format(2) in message
    assert "no study 'none'" in refused("resume", "none", storage=stored)

    # another objective is another configuration, also of a study older than the setting
    launch = [*toml(tmp_path, SMALL_TOML + "[search]\ntrials = 6\n"), "--study", "old"]
    for old in (False, True):
        if old:
            forget_objective(stored)
        for verb in (launch, ["resume", "old"]):
            message = refused(*verb, "--objective", "miou", storage=stored)
            assert "(search.objective: miou-accuracy → miou)" in message
            same = [*verb, "--objective", "miou-accuracy", "--trials", "2"]
            assert begun.format(2) in refused(*same, storage=stored)


def forget_objective(address: str) -> None:
    """Store the studies as versions without objectives did."""
    statement = "UPDATE umss.study SET config = (config::jsonb #- '{search,objective}')::json"
    with open_database(parse_address(address)) as database, database.engine.begin() as connection:
        assert connection.execute(text(statement)).rowcount == 1
