"""The doctor: each check can pass and can fail, and a failed one suggests a fix."""

import dataclasses
import json
import os
import platform
import re
import shlex
import shutil
import socket
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import typer
from ray._common.usage import usage_lib
from typer.testing import CliRunner

from search import doctor
from search.commands.app import app
from search.config.configuration import resolve
from search.doctor import database, dataset_features, device, disk, examine
from search.doctor.check import Check
from search.doctor.database import check_database
from search.doctor.dataset_features import check_data, check_weights
from search.doctor.device import check_cores, check_device
from search.doctor.disk import check_cache, check_checkpoints
from search.doctor.listening import listening_hosts
from search.doctor.python import check_packages, check_python
from search.doctor.ray import check_ray
from search.doctor.subject import Subject
from search.workers.connection import usage_statistics
from storage.address import parse_address
from storage.database import DatabaseVersions
from tests.fakes.subject import local_subject
from trainer.errors import WeightsError

TINY = {"data": {"options": {"train": 4, "val": 2, "test": 2, "size": 64}}}


@pytest.fixture
def subject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Subject:
    monkeypatch.setenv("UMSS_BOOKINGS", str(tmp_path / "bookings"))
    return local_subject(tmp_path, resolve("rooms", None, TINY))


def broken(check: Check, *texts: str) -> None:
    assert check.state == "failed" and check.fix, check
    for text in texts:
        assert text in f"{check.found} → {check.fix}"


def with_settings(subject: Subject, **tables: dict[str, Any]) -> Subject:
    return dataclasses.replace(subject, config=resolve("rooms", None, TINY | tables))


def test_a_sound_machine_passes_and_nothing_is_made(subject: Subject, tmp_path: Path) -> None:
    found = examine(subject)
    assert [check for check in found if check.state == "failed"] == []
    assert len({check.name for check in found}) == len(found) == len(doctor.CHECKS)
    assert list(tmp_path.iterdir()) == []


def test_an_old_python(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "python_version", lambda: "3.10.4")
    broken(check_python(subject), "3.10.4", ">=3.11 is needed", "make search")


def test_packages_that_are_missing_or_old(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    required = ["numpy<1", "no-such-package>=2", "pytest>=999; extra == 'dev'", "pillow"]
    monkeypatch.setattr(metadata, "requires", lambda name: required)
    broken(
        check_packages(subject),
        "no-such-package is missing",
        "<1 is needed",
        "pip install --constraint constraints.txt 'numpy<1' 'no-such-package>=2'",
    )


def test_a_device_that_is_not_there(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.machine.resources._gpus", lambda: ())
    broken(check_device(dataclasses.replace(subject, device="cuda")), "no GPU", "--device cpu")


def test_cores_that_others_hold(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    held = {"core-0": "study a (process 7)", "gpu-0": "study a (process 7)"}
    monkeypatch.setattr(device, "holders", lambda: held)
    monkeypatch.setattr(device, "usable_cores", lambda: (0, 1))
    found = check_cores(subject)
    assert (found.state, found.found) == ("warning", "1 of 2 are held by study a (process 7)")


def test_ray_sends_no_usage_statistics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    assert usage_lib.usage_stats_enabled(), "the variable is what Ray heeds"
    assert not usage_statistics()


def test_a_cluster_that_does_not_answer(subject: Subject) -> None:
    nowhere = dataclasses.replace(subject, ray_address="127.0.0.1:1")
    broken(check_ray(nowhere), "nothing answers at --ray 127.0.0.1:1", "without --ray")


def test_listening_sockets_of_a_process_and_its_children_are_found() -> None:
    listen = (
        "import socket, sys; s = socket.create_server(('127.0.0.3', 0));"
        "print('up', flush=True); sys.stdin.readline()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", listen], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with child, socket.create_server(("::", 0), family=socket.AF_INET6) as everywhere:
        assert child.stdout is not None and child.stdout.readline() == "up\n"
        assert listening_hosts(child.pid) == {"127.0.0.3"}

        assert {"127.0.0.3", "::"} <= listening_hosts(os.getpid())
        everywhere.close()
        child.communicate("\n")
    assert listening_hosts(child.pid) == set()


def test_a_database_that_is_away_or_of_another_version(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = dataclasses.replace(
        subject, address=parse_address("postgresql://me@127.0.0.1:1/studies")
    )
    broken(check_database(elsewhere), "cannot open postgresql://me@127.0.0.1:1", "--storage")
    for schema, state in ((None, "ok"), ("0001", "ok"), ("0000", "warning"), ("0002", "failed")):
        sight = DatabaseVersions(server="18.4", schema=schema, newest="0001", writable=True)
        monkeypatch.setattr(database, "inspect_database", lambda address, found=sight: found)
        assert check_database(elsewhere).state == state


def test_a_role_that_only_reads_runs_no_search(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = dataclasses.replace(
        subject, address=parse_address("postgresql://viewer@127.0.0.1:1/studies")
    )
    sight = DatabaseVersions(server="18.4", schema="0001", newest="0001", writable=False)
    monkeypatch.setattr(database, "inspect_database", lambda address: sight)
    broken(check_database(elsewhere), "but this role only reads", "search roles --storage")


def test_embedded_programs_that_are_missing(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.server_programs.PACKAGE", "no_such_package")
    broken(check_database(subject), "install it (pip install", "--storage embedded:FOLDER")


def test_data_and_weights_that_are_missing(
    subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    city = with_settings(
        subject, data={"name": "cityscapes", "modalities": ["rgb"], "root": str(tmp_path / "no")}
    )
    broken(check_data(city), str(tmp_path / "no"), "launch --data FOLDER")

    def no_weights(config: object, place: object) -> None:
        raise WeightsError("none.safetensors is missing")

    monkeypatch.setattr(dataset_features, "build_backbone", no_weights)
    broken(check_weights(subject), "none.safetensors is missing", "--backbone-weights FILE")


def test_folders_without_room_or_that_cannot_be_made(
    subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    blocked = dataclasses.replace(subject, checkpoints=tmp_path / "file" / "folder")
    broken(check_checkpoints(blocked), "cannot be written", "--checkpoints FOLDER")
    usage = shutil.disk_usage(tmp_path)._replace(free=disk.SPARE)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    broken(check_cache(subject), "64.0 MiB free", "features need", "--cache FOLDER")
    assert check_checkpoints(subject).state == "ok"


@pytest.mark.parametrize(("state", "code"), [("ok", 0), ("warning", 0), ("failed", 2)])
def test_the_command_prints_all_checks_and_its_exit_code_is_the_worst_state(
    state: Any, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = Check(name="moon", state=state, found="it is full", fix="wait")
    monkeypatch.setattr(doctor, "CHECKS", (lambda subject: check,))
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == code
    assert "moon" in result.stdout and "it is full" in result.stdout and "wait" in result.stdout
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert result.exit_code == code
    assert json.loads(result.stdout) == {
        "preset": "rooms",
        "ok": code == 0,
        "checks": [
            {"name": "moon", "state": state, "found": "it is full", "fix": "wait", "mend": "wait"}
        ],
    }


COMMAND = re.compile(r"python -m search .*")


def test_a_fix_repeats_the_given_flags_and_is_a_valid_launch(
    subject: Subject, tmp_path: Path
) -> None:
    given = (("--config", "my file.toml"), ("--data", "/no where"), ("--device", "cpu"))
    city = with_settings(
        dataclasses.replace(subject, given=given),
        data={"name": "cityscapes", "modalities": ["rgb"], "root": str(tmp_path / "no")},
    )
    assert shlex.split(check_data(city).fix) == [
        "python", "-m", "search", "launch", "--config", "my file.toml", "--device", "cpu",
        "--data", "FOLDER",
    ]  # fmt: skip
    for check in (check_data(city), check_ray(dataclasses.replace(city, ray_address="h:1"))):
        found = COMMAND.search(check.fix)
        assert found is not None, check
        words = shlex.split(found[0])[4:]
        typer.main.get_command(app).commands["launch"].make_context("launch", words)  # type: ignore[attr-defined]


def test_the_synthetic_data_set_gets_no_advice_to_give_a_folder(subject: Subject) -> None:
    """The synthetic rooms have no folder: a launch would refuse one."""
    wrong = with_settings(subject, data={**TINY["data"], "modalities": ["rgb", "thermal"]})
    broken(check_data(wrong), "thermal", "correct that setting")
    assert "--data" not in check_data(wrong).fix


def test_the_advice_of_doctor_for_a_folder_is_accepted_by_launch(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["doctor", "--data", str(tmp_path), "--json"])
    checks = json.loads(result.stdout)
    assert checks["preset"] == "own"
    (fix,) = (check["fix"] for check in checks["checks"] if check["name"] == "data")
    words = shlex.split(fix.replace("FOLDER", str(tmp_path / "no")))
    result = CliRunner().invoke(app, [*words[3:], "--dry-run"])
    assert result.exit_code == 2 and "there is no" in result.stderr


def test_settings_that_are_wrong_are_refused_in_one_line() -> None:
    result = CliRunner().invoke(app, ["doctor", "--preset", "moon"])
    assert result.exit_code == 2 and result.stderr.startswith("error: ")


def test_weights_of_the_package_do_and_better_ones_are_named(subject: Subject) -> None:
    packaged = with_settings(subject, backbone={"name": "efficientnet-lite0"})
    found = check_weights(packaged)
    assert found.state == "warning" and "320 channels" in found.found and "DINOv3" in found.found
    assert "--backbone vit_small_patch16_dinov3_qkvb.lvd1689m" in found.fix
    assert "--backbone-weights FILE" in found.fix
    assert check_weights(subject).state == "ok"
