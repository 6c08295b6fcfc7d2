"""Limits of control groups: of both versions, the group's own and those of the groups around it.

Files in a folder stand in for the kernel's; a real group is tried in tests/integration.
"""

import os
from pathlib import Path

import pytest
import torch

from trainer.control_group import Limits, limit_threads, limits, usable_cores, usable_memory

V2 = "31 23 0:28 {top} /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup rw,nsdelegate\n"
CPU = "32 31 0:29 {top} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
MEMORY = "35 31 0:32 {top} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
ELSE = "25 23 0:5 / /proc rw - proc proc rw\n"
GB = 10**9


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {4, 5, 6, 7})


def machine(root: Path, *, mounts: str, groups: str, files: dict[str, str]) -> Path:
    """A root folder with the kernel's files."""
    process = root / "proc" / "self"
    process.mkdir(parents=True)
    (process / "mountinfo").write_text(ELSE + mounts)
    (process / "cgroup").write_text(groups)
    for name, text in files.items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


def test_no_groups_are_no_limits(tmp_path: Path) -> None:
    assert limits(tmp_path) == Limits()
    assert usable_cores(tmp_path) == (4, 5, 6, 7)
    nothing = machine(
        tmp_path / "free",
        mounts=V2.format(top="/"),
        groups="0::/user.slice/session\n",
        files={"user.slice/cpu.max": "max 100000", "user.slice/memory.max": "max"},
    )
    assert limits(nothing) == Limits()


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("150000 100000", 1), ("50000 100000", 1), ("20000 10000", 2), ("900000 100000", 4)],
)
def test_a_quota_is_enough_for_whole_cores_and_at_least_one(
    tmp_path: Path, quota: str, cores: int
) -> None:
    root = machine(
        tmp_path, mounts=V2.format(top="/"), groups="0::/a/b\n", files={"a/b/cpu.max": quota}
    )
    assert usable_cores(root) == (4, 5, 6, 7)[:cores]


def test_the_smallest_limit_on_the_way_up_counts(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        mounts=V2.format(top="/"),
        groups="0::/job/step/task\n",
        files={
            "job/cpu.max": "250000 100000",
            "job/step/cpu.max": "max 100000",
            "job/step/task/cpu.max": "300000 100000",
            "job/memory.max": str(8 * GB),
            "job/step/task/memory.max": str(2 * GB),
            "other/cpu.max": "100000 100000",
        },
    )
    assert limits(root) == Limits(processors=2.5, memory=2 * GB)
    assert usable_memory(root) == 2 * GB


def test_a_container_of_version_1_sees_its_group_as_the_top(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        mounts=CPU.format(top="/docker/12ab") + MEMORY.format(top="/docker/12ab"),
        groups="4:memory:/docker/12ab\n3:cpu,cpuacct:/docker/12ab\n1:name=systemd:/docker/12ab\n",
        files={
            "cpu,cpuacct/cpu.cfs_quota_us": "150000",
            "cpu,cpuacct/cpu.cfs_period_us": "100000",
            "memory/memory.limit_in_bytes": str(GB),
        },
    )
    assert limits(root) == Limits(processors=1.5, memory=GB)


def test_version_1_without_limits(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        mounts=CPU.format(top="/") + MEMORY.format(top="/"),
        groups="4:memory:/\n3:cpu,cpuacct:/\n",
        files={
            "cpu,cpuacct/cpu.cfs_quota_us": "-1",
            "cpu,cpuacct/cpu.cfs_period_us": "100000",
            "memory/memory.limit_in_bytes": "9223372036854771712",
        },
    )
    assert limits(root) == Limits()
    assert usable_memory(root) == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_both_versions_at_once_and_a_separate_namespace(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        mounts=V2.format(top="/../..").replace("/sys/fs/cgroup ", "/sys/fs/cgroup/unified ")
        + CPU.format(top="/"),
        groups="3:cpu,cpuacct:/slurm/job_7\n0::/\n",
        files={
            "unified/cpu.max": "350000 100000",
            "cpu,cpuacct/slurm/job_7/cpu.cfs_quota_us": "200000",
            "cpu,cpuacct/slurm/job_7/cpu.cfs_period_us": "100000",
        },
    )
    assert limits(root) == Limits(processors=2.0)


def test_the_affinity_mask_counts_before_a_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = machine(
        tmp_path, mounts=V2.format(top="/"), groups="0::/\n", files={"cpu.max": "300000 100000"}
    )
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {9, 2})
    assert usable_cores(root) == (2, 9)


@pytest.mark.usefixtures("one_thread")  # which puts the number of threads back
def test_torch_computes_with_no_more_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = machine(
        tmp_path, mounts=V2.format(top="/"), groups="0::/\n", files={"cpu.max": "200000 100000"}
    )
    torch.set_num_threads(4)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    limit_threads(root)
    assert torch.get_num_threads() == 4
    monkeypatch.delenv("OMP_NUM_THREADS")
    limit_threads(tmp_path / "without")
    assert torch.get_num_threads() == 4
    limit_threads(root)
    assert torch.get_num_threads() == 2


def test_other_systems_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.control_group.sys.platform", "darwin")
    assert limits() == Limits()
