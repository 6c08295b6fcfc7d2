"""``launch``: the effect of its flags."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from search.commands.app import app
from search.commands.flag_groups import RunFlags
from search.commands.run_options import find_run_options
from search.errors import SettingsError
from search.launch import detaching
from search.launch.detaching import Detached
from search.machine import resources
from search.machine.reservations import SharingPolicy
from search.machine.resources import Machine


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that were sent to the head of a cluster."""
    commands: list[list[str]] = []

    @contextlib.contextmanager
    def joined(address: str) -> Iterator[str]:
        yield address

    def on_head(start: object, command: list[str], config: str, study: str) -> Detached:
        commands.append(command)
        return Detached(host="head", pid=17, log="/tmp/log", printed="", ended=False)

    monkeypatch.setattr(detaching, "joined", joined)
    monkeypatch.setattr(detaching, "on_head", on_head)
    return commands


def test_a_search_that_is_left_on_a_cluster_gets_every_flag_that_was_given(
    sent: list[list[str]],
) -> None:
    flags = [
        "--workers=2", "--device=cpu", "--cache=/c", "--checkpoints=/k", "--wait",
        "--db-patience=5.0", "--stall-timeout=inf", "--artifacts=s3://b/p", "--standby",
        "--preset=rooms", "--trials=7", "--password-file=/p",
    ]  # fmt: skip
    left = ["launch", "--detach", "--study", "s", "--ray", "h:1", *flags]
    done = CliRunner().invoke(app, left, env={"UMSS_STORAGE": None})
    assert done.exit_code == 0, done.output
    assert sent == [["launch", "--study", "s", "--plain", *flags, "--ray", "h:1"]]


def test_one_without_settings_gets_its_preset(sent: list[list[str]]) -> None:
    done = CliRunner().invoke(app, ["launch", "--detach", "--study", "s", "--ray", "h:1"])
    assert done.exit_code == 0, done.output
    assert sent == [["launch", "--study", "s", "--plain", "--preset=rooms", "--ray", "h:1"]]


@pytest.mark.parametrize("flag", ["--dry-run", "--json"])
def test_a_dry_run_leaves_nothing_on_a_cluster(flag: str, sent: list[list[str]]) -> None:
    left = ["launch", "--detach", "--study", "s", "--ray", "h:1", flag]
    done = CliRunner().invoke(app, left)
    assert (done.exit_code, sent) == (2, [])
    assert done.stderr == (
        "error: --detach cannot be combined with --dry-run or --json: leave one of them out\n"
    )


def test_run_options_are_the_flags_with_the_defaults_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UMSS_CACHE", str(tmp_path / "cache"))
    flags = RunFlags(
        workers=3, device="cpu", checkpoints=Path("here"), wait=True, db_patience=1.0,
        artifacts="kept", ray="h:1",
    )  # fmt: skip
    options = find_run_options(flags)
    assert options.machine == Machine(device="cpu", workers=3)
    assert options.sharing == SharingPolicy(exactly=True, wait=True)
    assert (options.paths.cache, options.paths.checkpoints, options.paths.artifacts) == (
        tmp_path / "cache", tmp_path / "here", str(tmp_path / "kept"),
    )  # fmt: skip
    assert (options.ray_address, options.patience, options.standby) == ("h:1", 1.0, False)
    assert not find_run_options(RunFlags(device="cpu")).sharing.exactly


@pytest.mark.parametrize(("slots", "count"), [("1", 1), ("4", 4), ("auto", 1)])
def test_on_a_cpu_slots_are_the_number_given_or_one(slots: str, count: int) -> None:
    options = find_run_options(RunFlags(device="cpu", workers=2, slots=slots))
    assert options.machine == Machine(device="cpu", workers=2, slots=count)
    assert options.machine.seats == 2 * count and not options.measure_slots


@pytest.mark.parametrize("slots", ["0", "-1", "many", "1.5", ""])
def test_slots_that_are_not_a_number_are_refused(slots: str) -> None:
    with pytest.raises(SettingsError, match=rf"\A--slots {slots} .*give .*auto\Z"):
        find_run_options(RunFlags(device="cpu", slots=slots))


def test_slots_are_measured_on_a_gpu_of_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "_gpus", lambda: ("0",))
    options = find_run_options(RunFlags(slots="auto"))
    assert options.measure_slots and options.machine.slots == 1
    assert not find_run_options(RunFlags(slots="2")).measure_slots
    monkeypatch.setattr(resources, "_gpus", lambda: ())
    with pytest.raises(SettingsError, match="has none: give a number"):
        find_run_options(RunFlags(device="cuda", workers=2, slots="auto", ray="h:1"))


def test_an_artifact_store_elsewhere_keeps_its_address() -> None:
    options = find_run_options(RunFlags(device="cpu", artifacts="s3://bucket/prefix"))
    assert options.paths.artifacts == "s3://bucket/prefix"
