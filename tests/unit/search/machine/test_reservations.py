"""Cores and GPUs are reserved once, and are free when their holder has ended."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from search.errors import ClusterError, SettingsError
from search.machine import reservations
from search.machine import resources as machine
from search.machine.reservations import (
    Reservation,
    SharingPolicy,
    holders,
    reservations_folder,
    reserve,
)
from search.machine.resources import Machine, find_machine

FOUR = Machine(device="cpu", workers=4)
GPUS = Machine(device="cuda", workers=2, gpus=("3", "5"), own_device="cuda:0")
EXACTLY, ANY = SharingPolicy(exactly=True), SharingPolicy()


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reservations, "usable_cores", lambda: (0, 1, 2, 3))


def take(
    folder: Path,
    wanted: Machine = FOUR,
    policy: SharingPolicy = ANY,
    study: str = "first",
    **more: Any,
) -> tuple[Reservation, list[str]]:
    lines: list[str] = []
    taken = reserve(wanted, policy=policy, study=study, say=lines.append, folder=folder, **more)
    return taken, lines


def cpus(workers: int) -> Machine:
    return Machine(device="cpu", workers=workers)


def test_no_core_is_reserved_twice(tmp_path: Path) -> None:
    first, _ = take(tmp_path, cpus(3), EXACTLY)
    second, lines = take(tmp_path, study="second")
    assert second.machine.workers == 1
    assert lines == [
        f"study first (process {os.getpid()}) holds core-0, core-1, core-2: this search takes"
        " the rest, 1 of 4 workers"
    ]
    held = holders(tmp_path)
    assert sorted(held) == ["core-0", "core-1", "core-2", "core-3"]
    assert held["core-3"].startswith("study second")
    with pytest.raises(ClusterError, match=r"study second .* holds core-3: give --wait to start"):
        take(tmp_path, cpus(1))
    with first, second:
        pass
    assert holders(tmp_path) == {}


def test_a_given_number_of_workers_is_reserved_or_refused(tmp_path: Path) -> None:
    with take(tmp_path, cpus(3), EXACTLY)[0]:
        with pytest.raises(ClusterError, match=r"holds core-0, .* a smaller --workers"):
            take(tmp_path, cpus(2), EXACTLY)
        assert len(holders(tmp_path)) == 3  # it released the cores that it could not use
        with take(tmp_path, cpus(1), EXACTLY)[0] as rest:
            assert rest.machine.workers == 1


def test_more_workers_than_cores_reserve_all_cores(tmp_path: Path) -> None:
    with take(tmp_path, cpus(9), EXACTLY)[0] as all_of_them:
        assert all_of_them.machine.workers == 9
        assert len(holders(tmp_path)) == 4


def test_waiting_names_the_holder_and_then_continues(tmp_path: Path) -> None:
    first, _ = take(tmp_path)
    first.label("rooms-7")
    naps: list[float] = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 70:
            first.__exit__(None, None, None)

    waiting, lines = take(tmp_path, cpus(2), SharingPolicy(exactly=True, wait=True), sleep=sleep)
    assert waiting.machine.workers == 2 and len(naps) == 70
    assert len(lines) == 2, "once at first and once a minute"
    assert lines[0].startswith("waiting for free cores: study rooms-7 (process")


def test_sharing_ignores_other_reservations(tmp_path: Path) -> None:
    with take(tmp_path)[0]:
        shared, lines = take(tmp_path, policy=SharingPolicy(oversubscribe=True))
        with shared:
            assert shared.machine == FOUR and lines == []


def test_gpus_are_reserved_with_a_core_for_each_worker(tmp_path: Path) -> None:
    with take(tmp_path, Machine(device="cuda", workers=1, gpus=("3", "5")), EXACTLY)[0] as one:
        assert one.machine.gpus == ("3",)
        assert sorted(holders(tmp_path)) == ["core-0", "gpu-3"]
        with take(tmp_path, GPUS)[0] as other:
            assert other.machine.gpus == ("5",) and other.machine.workers == 1
            assert other.machine.own_device == "cuda:1"
            with pytest.raises(ClusterError, match="core-0, core-1, gpu-3, gpu-5"):
                take(tmp_path, GPUS)


def test_workers_that_share_gpus_reserve_all_of_them(tmp_path: Path) -> None:
    wanted = Machine(device="cuda", workers=4, gpus=("3", "5"))
    with take(tmp_path, wanted, EXACTLY)[0] as shared:
        assert shared.machine.gpus == ("3", "5") and shared.machine.gpu_share == 0.5


def test_reservations_of_a_killed_search_are_free(tmp_path: Path) -> None:
    hold = (
        "import sys; from pathlib import Path; from storage.file_lock import FileLock;"
        "lock = FileLock(Path(sys.argv[1]) / 'core-0'); assert lock.try_exclusive();"
        "print('held', flush=True); sys.stdin.readline()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[4],
    )  # fmt: skip
    with other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        assert holders(tmp_path) == {"core-0": "another search"}
        other.kill()
        other.wait()
    assert holders(tmp_path) == {}


def test_looking_creates_nothing(tmp_path: Path) -> None:
    assert holders(tmp_path / "none") == {}
    assert not (tmp_path / "none").exists()


def test_a_folder_that_cannot_be_created_is_reported_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ClusterError, match="set UMSS_BOOKINGS to a writable folder"):
        take(tmp_path / "file" / "folder")


def test_the_folder_can_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UMSS_BOOKINGS", str(tmp_path))
    assert reservations_folder() == tmp_path


def test_a_machine_is_found_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_gpus", lambda: ())
    assert find_machine("auto", None).workers == len(machine.usable_cores())
    assert find_machine("cpu", 3).workers == 3
    for device, workers, message in (
        ("cuda", None, "torch finds no GPU"),
        ("tpu", None, "choose auto, cpu or cuda"),
        ("cpu", 0, "--workers 0 is too small"),
    ):
        with pytest.raises(SettingsError, match=message):
            find_machine(device, workers)


def test_a_driver_without_a_gpu_uses_those_of_the_cluster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine, "_gpus", lambda: ())
    found = find_machine("cuda", 8, joined=True)
    assert (found.device, found.workers, found.own_device) == ("cuda", 8, "cpu")
    assert found.on_cluster(16).gpu_share == 1.0 and found.on_cluster(4).gpu_share == 0.5
    with pytest.raises(SettingsError, match="give --workers, ideally as many as the cluster has"):
        find_machine("cuda", None, joined=True)
    assert find_machine("cpu", 2, joined=True).on_cluster(4).gpu_share == 0.0


def test_workers_in_a_cluster_share_its_gpus_not_those_of_the_drivers_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine, "_gpus", lambda: ("0", "1"))
    found = find_machine("auto", 8, joined=True)
    assert found.gpu_share == 0.25 and found.on_cluster(8).gpu_share == 1.0


def test_gpus_are_named_as_cuda_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4, 6")
    assert find_machine("cuda", None).gpus == ("4", "6")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert find_machine("cuda", 8).gpus == ("0", "1")
    assert find_machine("cpu", None).gpus == ()
