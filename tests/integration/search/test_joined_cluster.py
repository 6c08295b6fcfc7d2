"""Two searches on one Ray cluster: resources are reserved together, awaited, or refused."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.waiting import free_port

pytestmark = pytest.mark.cluster

REPOSITORY = Path(__file__).parents[3]
#: Joins, prints a line, and holds its workers' resources until its input ends.
HOLD = """
import sys
from search.workers import cluster
from search.machine.resources import Machine
cluster.PATIENCE_SECONDS, cluster.REPEAT_SECONDS = 2.0, 600.0
address, machine = sys.argv[1], Machine(device="cpu", workers=int(sys.argv[2]))
wait = sys.argv[3] == "wait"
def say(text): print(text, flush=True)
try:
    with cluster.ray_cluster(machine, address=address, wait=wait, say=say):
        say("held")
        sys.stdin.readline()
except cluster.ClusterError as error:
    say(f"refused: {error}")
"""


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    folder = Path(tempfile.mkdtemp(prefix="umss-ray-", dir="/tmp"))
    (folder / "token").write_text("0123456789abcdef" * 4)
    yield {
        **os.environ,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(folder / "token"),
        "RAY_TMPDIR": str(folder),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def head(environment: dict[str, str]) -> Iterator[str]:
    """The address of a cluster with two cores."""
    port = free_port()
    options = {
        "num-cpus": 2, "num-gpus": 0, "node-ip-address": "127.0.0.1", "port": port,
        "include-dashboard": "false", "min-worker-port": 0, "max-worker-port": 0,
        "ray-client-server-port": free_port(), "dashboard-agent-listen-port": free_port(),
    }  # fmt: skip
    flags = [f"--{name}={value}" for name, value in options.items()]
    started = subprocess.Popen(
        [str(Path(sys.executable).parent / "ray"), "start", "--head", "--block", *flags],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        wait_until_answered(port)
        yield f"127.0.0.1:{port}"
    finally:
        started.terminate()
        try:
            started.wait(timeout=30)
        finally:
            with_rest_of(started.pid)


def wait_until_answered(port: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the head of the cluster did not start")


def with_rest_of(session: int) -> None:
    try:
        os.killpg(session, signal.SIGKILL)
    except ProcessLookupError:
        pass


def join(
    head: str, environment: dict[str, str], workers: int, sharing: str
) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, head, str(workers), sharing],
        cwd=REPOSITORY, env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_places_are_taken_together_waited_for_or_refused(
    head: str, environment: dict[str, str]
) -> None:
    with join(head, environment, 1, "refuse") as first:
        assert line(first) == "held\n"
        with (
            join(head, environment, 2, "refuse") as refused,
            join(head, environment, 2, "wait") as waiting,
        ):
            message = line(refused)
            assert message.startswith(
                "refused: the Ray cluster has 1 of 2 CPU free, 2 are needed; other"
            )
            assert "give --wait, a smaller --workers, or add nodes" in message
            assert line(waiting).startswith("waiting for free cores: the Ray cluster has 1 of 2")
            first.communicate("\n")
            assert line(waiting) == "held\n"
            waiting.communicate("\n")


@pytest.fixture
def strangers(environment: dict[str, str], tmp_path: Path) -> list[dict[str, str]]:
    """Environments without the token, and with another one."""
    (tmp_path / "other").write_text("fedcba9876543210" * 4)
    without = {**environment, "RAY_AUTH_MODE": "disabled"}
    del without["RAY_AUTH_TOKEN_PATH"]
    return [without, {**environment, "RAY_AUTH_TOKEN_PATH": str(tmp_path / "other")}]


def test_who_has_not_the_token_is_refused(
    head: str, environment: dict[str, str], strangers: list[dict[str, str]]
) -> None:
    ray = str(Path(sys.executable).parent / "ray")
    asking = [
        subprocess.Popen(
            [ray, "health-check", "--address", head], env=who, text=True, stderr=subprocess.PIPE
        )
        for who in (environment, *strangers)
    ]
    printed = [process.communicate()[1] for process in asking]
    assert [process.returncode for process in asking] == [0, 1, 1]
    assert all("token" in each for each in printed[1:])


@pytest.mark.long
def test_a_search_without_the_token_is_refused_in_one_line(
    head: str, strangers: list[dict[str, str]]
) -> None:
    with (
        join(head, strangers[0], 1, "refuse") as first,
        join(head, strangers[1], 1, "refuse") as second,
    ):
        for stranger in (first, second):  # after the half minute for which Ray tries
            assert line(stranger).startswith("refused: Ray cannot be used")
            stranger.communicate("\n")
