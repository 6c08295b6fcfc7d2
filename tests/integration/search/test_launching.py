"""The output and the refusals of a launch before its first worker."""

import contextlib
import dataclasses
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Never

import pytest
from typer.testing import CliRunner

from search.commands.app import app
from search.config.configuration import resolve_layers
from search.driver import claiming
from search.driver.parts import Parts
from search.errors import ClusterError, Interrupted
from search.launch import launching, stopped
from search.launch.launching import launch
from search.launch.output import Output
from search.launch.request import Launch
from search.launch.stored_study import find_stored
from search.machine.reservations import SharingPolicy, holders, reserve
from search.machine.resources import Machine
from search.machine.run_options import Paths, RunOptions
from search.records.confirmation import ConfirmationPlan
from search.records.stored_trial import DATA_NOTES_ATTRIBUTE
from search.reporting.health.data import DATA
from search.reporting.reading import read_details
from storage import artifact_places
from storage.database import Database
from storage.errors import ArtifactPlaceError, LeaseHeld
from storage.lease import Lease
from storage.studies import StudyRecord, get_study, request_stop
from tests.fakes.data_sets.folder import DESCRIPTION, NAMES, write_image, write_images
from tests.fakes.data_sets.pictures import write_list
from tests.fakes.pool import InlinePool
from tests.fakes.store import SilentProgress
from tests.tiny import tiny
from trainer.config.sources import read_layers
from trainer.config.toml_records import toml_text
from trainer.console.shell import search_command

TINY: dict[str, Any] = {
    "data": {"options": {"train": 4, "val": 2, "test": 2, "size": 64}},
    "features": {"train_resolution": 32, "eval_resolution": 64},
    "search": {"ranges": {"b_self": [0.1, 0.5], "learning_rate": [1e-3, 1e-2]}},
}


class WorkersAsked(Exception):
    """A launch got as far as requesting workers."""


@pytest.fixture
def ask(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., list[str]]]:
    """Launches until workers are requested, or an error; returns the printed lines."""
    monkeypatch.setenv("UMSS_BOOKINGS", str(tmp_path / "bookings"))

    def run(
        study: str | None,
        *,
        workers: int = 1,
        asks: Exception | None = None,
        request_with: dict[str, Any] | None = None,
        **changes: Any,
    ) -> list[str]:
        said: list[str] = []

        def no_workers(*arguments: object, **options: object) -> Never:
            raise asks or WorkersAsked

        layers = read_layers("rooms", None, TINY)
        request = Launch(
            study=study,
            layers=layers,
            config=resolve_layers(layers),
            options=dataclasses.replace(
                RunOptions(
                    machine=Machine(device="cpu", workers=workers),
                    paths=Paths(cache=tmp_path / "cache", checkpoints=tmp_path / "checkpoints"),
                    sharing=SharingPolicy(exactly=True),
                    patience=0.0,
                ),
                **changes,
            ),
            **(request_with or {}),
        )
        output = Output(
            say=said.append,
            open_progress=SilentProgress,
            open_preparing=lambda: contextlib.nullcontext(lambda what, done, total: None),
        )
        with pytest.raises(WorkersAsked):
            launch(request, database, output, Parts(open_workers=no_workers))
        return said

    yield run


def test_the_launch_that_loses_the_race_for_a_name_names_the_driver(
    ask: Callable[..., list[str]], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = claiming.create
    with contextlib.ExitStack() as winner:

        def quicker(where: Database, name: str, *new: Any) -> StudyRecord:
            real(where, name, *new)
            winner.enter_context(Lease.acquire(database, name))
            return real(where, name, *new)

        monkeypatch.setattr(launching, "create", quicker)
        with pytest.raises(LeaseHeld, match="is driven by pid"):
            ask("new")


def test_a_name_that_was_taken_and_left_is_driven_on(
    ask: Callable[..., list[str]], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = claiming.create

    def quicker(where: Database, name: str, *new: Any) -> StudyRecord:
        real(where, name, *new)
        return real(where, name, *new)

    monkeypatch.setattr(launching, "create", quicker)
    ask("new")
    assert get_study(database.engine, "new").trials == 200


def test_defaults_out_of_range_are_shown_when_a_study_is_created(
    ask: Callable[..., list[str]],
) -> None:
    moved = "the default 0.8975 of b_self is outside its range: trial 0 starts at 0.5"
    assert moved in ask("new")
    assert moved not in ask("new")


def test_idle_workers_are_shown(ask: Callable[..., list[str]]) -> None:
    assert not any("will be idle" in line for line in ask("new", workers=1))
    assert not any("will be idle" in line for line in ask("new", workers=3))
    assert (
        "5 of 8 workers will be idle: study new was created to run at most 3 trials at a time;"
        " --workers 3 is enough"
    ) in ask("new", workers=8)


def test_cores_are_released_and_no_study_is_created_if_they_are_taken(
    ask: Callable[..., list[str]], database: Database
) -> None:
    ask("first")
    assert holders() == {}
    with reserve(
        Machine(device="cpu", workers=99), policy=SharingPolicy(), study="other", say=print
    ):
        for study in ("first", "second"):
            with pytest.raises(ClusterError, match=r"study other .* holds core-"):
                ask(study)
        ask("first", sharing=SharingPolicy(exactly=True, oversubscribe=True))
    assert not find_stored(database, "second")


def test_a_search_that_waits_for_cores_can_be_stopped(
    ask: Callable[..., list[str]], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask("first")
    request_stop(database.engine, "first")
    ask("first")
    assert not get_study(database.engine, "first").stop_requested, "an earlier request is over"
    clock = SimpleNamespace(sleep=lambda seconds: request_stop(database.engine, "first"))
    monkeypatch.setattr(stopped, "time", clock)
    with (
        reserve(
            Machine(device="cpu", workers=99), policy=SharingPolicy(), study="other", say=print
        ),
        pytest.raises(Interrupted, match="study first was stopped while it waited for free cores"),
    ):
        ask("first", sharing=SharingPolicy(exactly=True, wait=True))


def test_a_cluster_that_does_not_answer_is_reported_before_a_study_is_created(
    ask: Callable[..., list[str]], database: Database
) -> None:
    with pytest.raises(ClusterError, match=r"nothing answers at --ray 127\.0\.0\.1:1"):
        ask("new", ray_address="127.0.0.1:1")
    assert not find_stored(database, "new")


@pytest.fixture
def no_features(monkeypatch: pytest.MonkeyPatch) -> None:
    """Features are not to be computed."""

    def prepare(*arguments: object, **options: object) -> Never:
        raise AssertionError("work was spent")

    monkeypatch.setattr(launching, "prepare", prepare)


def paths(folder: Path, artifacts: str) -> Paths:
    return Paths(cache=folder / "cache", checkpoints=folder / "checkpoints", artifacts=artifacts)


@pytest.mark.parametrize("exists", [False, True], ids=["new", "stored"])
@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("ftp://host/x", "ftp://host/x is not a valid place: give a folder or s3://"),
        ("/dev/null/below", "/dev/null/below cannot be used .*: give a writable place"),
        ("s3://bucket/x", "s3:// needs the package boto3: pip install"),
    ],
)
def test_a_place_for_artifacts_that_cannot_be_used_is_refused_before_any_work(
    ask: Callable[..., list[str]],
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    exists: bool,
    place: str,
    message: str,
) -> None:
    if exists:
        ask("mine")
    request.getfixturevalue("no_features")
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(ArtifactPlaceError, match=message):
        ask("mine", paths=paths(tmp_path, place))
    assert (find_stored(database, "mine") is not None) == exists and holders() == {}


def test_the_stored_place_for_artifacts_is_checked_once_and_before_any_work(
    ask: Callable[..., list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    checked: list[str] = []
    real = artifact_places.check_writable

    def check(artifacts: Any, place: str) -> None:
        checked.append(place)
        real(artifacts, place)

    monkeypatch.setattr(artifact_places, "check_writable", check)
    folder = tmp_path / "artifacts"
    ask("mine", paths=paths(tmp_path, str(folder)))
    ask("mine")
    assert checked == [str(folder)] * 2
    shutil.rmtree(folder)
    folder.write_text("a file")
    request.getfixturevalue("no_features")
    with pytest.raises(ArtifactPlaceError, match="cannot be used"):
        ask("mine")


PLAN = ConfirmationPlan(trials=(4, 2), seeds=3, chosen_by="value", params={}, defaults={})


@pytest.mark.parametrize(
    ("request_with", "command"),
    [
        ({}, "python -m search resume mine"),
        ({"confirmation": PLAN}, "python -m search confirm mine --top 2 --seeds 3"),
        (
            {"confirmation": PLAN, "command": search_command("table", "rooms.toml")},
            "python -m search table rooms.toml",
        ),
    ],
    ids=["search", "confirmation", "table"],
)
def test_a_stop_while_waiting_for_cores_names_the_command_that_continues(
    ask: Callable[..., list[str]], request_with: dict[str, Any], command: str
) -> None:
    stopped = Interrupted("stopped while waiting for free cores")
    with pytest.raises(Interrupted) as caught:
        ask("mine", asks=stopped, request_with=request_with)
    assert str(caught.value) == f"{stopped}: `{command}` continues"


def test_fingerprints_of_the_data_are_stored_and_checked(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the command: val is held out of train, and a file is not used."""
    monkeypatch.setenv("UMSS_BOOKINGS", str(tmp_path / "bookings"))
    root = tmp_path / "images"
    write_images(root)
    write_image(root, "left_over")
    write_list(root / "train.txt", *NAMES)
    splits = '[splits]\ntrain = "train.txt"\nval = 0.25\ntest = 0.25\n'
    (root / "dataset.toml").write_text(DESCRIPTION + splits)

    @contextlib.contextmanager
    def workers(*arguments: object, **options: object) -> Iterator[InlinePool]:
        yield InlinePool(1)

    (tmp_path / "tiny.toml").write_text(toml_text(of_own_images(root)))
    command = [
        "launch", "--study=mine", "--trials=1", "--workers=1", "--device=cpu", "--plain",
        f"--config={tmp_path / 'tiny.toml'}", f"--cache={tmp_path / 'cache'}",
        f"--checkpoints={tmp_path / 'checkpoints'}", f"--storage={database.address.masked()}",
    ]  # fmt: skip
    done = CliRunner().invoke(app, command, obj=Parts(open_workers=workers))
    assert done.exit_code == 0, done.output
    details = read_details(database, "mine")
    notes = details.attributes[DATA_NOTES_ATTRIBUTE]
    assert any("there is no list of val" in note for note in notes), notes
    assert any("left_over" in note or "not used" in note for note in notes), notes
    found = DATA.examine(details)
    assert found.level == "WARN" and "held out" in found.line
    assert found.fix == f"python -m trainer inspect {root}"


def of_own_images(root: Path) -> dict[str, Any]:
    return {
        **tiny(iterations=2, evaluations=2),
        "base": "own",
        "data": {"root": str(root)},
        "backbone": {"name": "patch-stats"},
    }
