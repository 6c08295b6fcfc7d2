"""Processes as containers and job systems make them: under a quota, without a name, with a long
TMPDIR. Each is a real one, and skipped where this machine or account cannot make it.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from search.machine.resources import usable_cores
from storage import account_name

REPOSITORY = Path(__file__).parents[3]
PERIOD = 100_000  # microseconds
NUMBER = 23456  # of an account that no passwd file has
CAPABILITIES = "+dac_override,+dac_read_search"  # to reach an interpreter in root's own folder
OPEN = """
import sys
from storage.address import parse_address
from storage.database import open_database
from storage.studies import list_studies

with open_database(parse_address(f"embedded:{sys.argv[1]}")) as database:
    assert list_studies(database.engine) == ()
    print("opened")
"""
START_RAY = """
import ray
from search.workers.cluster import ray_cluster
from search.machine.resources import Machine

with ray_cluster(Machine(device="cpu", workers=1)):
    print(ray._private.worker._global_node.get_session_dir_path())
"""


@pytest.fixture
def short() -> Iterator[Path]:
    """A short folder that every account may enter."""
    with tempfile.TemporaryDirectory(prefix="umss-", dir="/tmp") as made:
        Path(made).chmod(0o755)
        yield Path(made)


def run(*command: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        cwd=REPOSITORY,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | variables,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def hierarchy() -> tuple[Path, str]:
    """Where groups with a quota can be made, and the file of the quota."""
    for folder, name in (("cpu", "cpu.cfs_quota_us"), ("", "cpu.max")):
        place = Path("/sys/fs/cgroup") / folder
        if (place / "cgroup.procs").exists() and os.access(place, os.W_OK):
            return place, name
    pytest.skip("no control groups of the processor that may be made here")


@pytest.fixture
def group() -> Iterator[Callable[[int], Path]]:
    """Makes a real control group with a quota in microseconds, and a group inside it."""
    place, name = hierarchy()
    outer = place / f"umss-test-{os.getpid()}"
    inner = outer / "inner"

    def make(quota: int) -> Path:
        try:
            inner.mkdir(parents=True)
            (outer / name).write_text(
                f"{quota} {PERIOD}" if name == "cpu.max" else f"{quota}", encoding="ascii"
            )
        except OSError as error:
            pytest.skip(f"no quota can be set in {outer}: {error}")
        return inner

    yield make
    for folder in (inner, outer):
        with contextlib.suppress(FileNotFoundError):
            folder.rmdir()


@pytest.mark.parametrize("quota", [PERIOD // 2, PERIOD * 3 // 2])
def test_a_real_quota_is_enough_for_one_worker_and_that_is_said(
    group: Callable[[int], Path], quota: int, short: Path
) -> None:
    if len(usable_cores()) < 2:
        pytest.skip("this process may use one core alone: a quota changes nothing")
    inside = f'echo $$ > {group(quota)}/cgroup.procs && exec "$@"'
    result = run(
        "sh", "-c", inside, "sh", sys.executable, "-m", "search", "doctor", "--json",
        "--device", "cpu", UMSS_BOOKINGS=str(short / "bookings"), XDG_DATA_HOME=str(short),
    )  # fmt: skip
    checks = {check["name"]: check for check in json.loads(result.stdout)["checks"]}
    assert checks["device"]["found"].endswith(", 1 workers")
    cores = len(os.sched_getaffinity(0))
    assert checks["cores"]["found"] == (
        f"1, all free; a quota of {quota / PERIOD:g} processors, set for this process's control"
        f" group, is enough for 1 of {cores} cores"
    )


def nameless(*command: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a command under a user id without a name."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can run setpriv, which takes another number")
    return run(
        "setpriv", f"--reuid={NUMBER}", f"--regid={NUMBER}", "--clear-groups",
        f"--inh-caps={CAPABILITIES}", f"--ambient-caps={CAPABILITIES}", *command, **variables,
    )  # fmt: skip


@pytest.fixture
def theirs(short: Path) -> Path:
    """A folder that belongs to that user id."""
    folder = short / "theirs"
    folder.mkdir()
    os.chown(folder, NUMBER, NUMBER)
    return folder


WRAPPED = "from storage import account_name; account_name._works = lambda command: False\n"
NOTHING = WRAPPED + "account_name._loads = lambda library: False\n"


def test_a_number_without_a_name_makes_and_opens_the_embedded_database(theirs: Path) -> None:
    done = nameless(sys.executable, "-c", OPEN, str(theirs / "pg"))
    if "needs a name for its account" in done.stderr:
        pytest.skip("this kernel allows no user namespaces, and nss_wrapper is not installed")
    assert done.stdout == "opened\n", done.stderr
    assert (theirs / "pg" / "data" / "PG_VERSION").stat().st_uid == NUMBER


def test_nss_wrapper_serves_where_there_are_no_user_namespaces(theirs: Path) -> None:
    if not account_name._loads(account_name.WRAPPER):
        pytest.skip(f"no {account_name.WRAPPER} (Debian's package libnss-wrapper)")
    done = nameless(sys.executable, "-c", WRAPPED + OPEN, str(theirs / "pg"))
    assert done.stdout == "opened\n", done.stderr


def test_without_a_user_name_the_advice_is_to_create_one(theirs: Path) -> None:
    caught = f"from storage.errors import EmbeddedError\ntry:\n    exec({OPEN!r})\n"
    caught += "except EmbeddedError as error:\n    print(error)\n"
    done = nameless(sys.executable, "-c", NOTHING + caught, str(theirs / "pg"))
    assert f"uid {NUMBER} has no entry in /etc/passwd: add one" in done.stdout, done.stderr
    assert "free some space" not in done.stdout and done.stdout.count("\n") == 1


def test_the_doctor_runs_without_a_name_and_a_home(theirs: Path) -> None:
    done = nameless(
        "env", "-u", "HOME", "-u", "XDG_DATA_HOME", "-u", "XDG_CACHE_HOME", "-u", "UMSS_CACHE",
        sys.executable, "-m", "search", "doctor", "--device", "cpu",
    )  # fmt: skip
    assert done.stderr.startswith(f"uid {NUMBER} has no entry in the passwd file")
    assert "can run" in done.stdout and "Traceback" not in done.stderr, done.stderr


@pytest.mark.cluster
def test_ray_starts_under_a_long_tmpdir(short: Path) -> None:
    long = short / "slurm_jobdir" / "1355700" / "a_user_with_a_long_name" / "tmp.t0016"
    long.mkdir(parents=True)
    done = run(sys.executable, "-c", START_RAY, TMPDIR=str(long), RAY_TMPDIR=str(long))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"/tmp/unim2-search-{os.geteuid()}/ray/session_")
    result = run(
        sys.executable, "-m", "search", "doctor", "--json", TMPDIR=str(long), RAY_TMPDIR=str(long)
    )
    ray = next(check for check in json.loads(result.stdout)["checks"] if check["name"] == "Ray")
    assert ray["state"] == "ok" and "is too long for sockets" in ray["found"]
