"""The scripts of deploy/, with recording programs in place of Ray, nvidia-smi and SLURM."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from search.workers.ray_folder import LONGEST

DEPLOY = Path(__file__).parents[3] / "deploy"
#: Records its arguments and its environment; then runs until a signal ends it, if it lasts.
RECORDER = """#!/usr/bin/env python3
import json, os, signal, sys, time
code = 0
def end(number, frame):
    call["ended by"] = signal.Signals(number).name
    write()
    sys.exit(int(os.environ.get("EXIT_CODE", "0")))
def write():
    path = os.path.join(os.environ["RECORDS"], f"{{os.getpid()}}.json")
    with open(path + ".new", "w") as file:
        json.dump(call, file)
    os.replace(path + ".new", path)
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, end)
call = dict(program={name!r}, arguments=sys.argv[1:], environment=dict(os.environ), at=time.time())
write()
print({says!r}, flush=True)
while {lasts!r}:
    time.sleep(0.01)
"""


@dataclass(kw_only=True)
class Stage:
    """A folder of programs, and the calls that they recorded."""

    folder: Path
    started: list["subprocess.Popen[str]"] = field(default_factory=list)

    def program(self, name: str, *, says: str = "", lasts: bool = False) -> None:
        self.write(name, RECORDER.format(name=name, says=says, lasts=lasts))

    def write(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def environment(self, **variables: str) -> dict[str, str]:
        (self.folder / "calls").mkdir(exist_ok=True)
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        return {"PATH": path, "RECORDS": str(self.folder / "calls"), **variables}

    def run(
        self, script: str, *arguments: str, **variables: str
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [DEPLOY / script, *arguments], env=self.environment(**variables),
            capture_output=True, text=True, timeout=60, check=False, cwd=self.folder,
        )  # fmt: skip

    def start(self, script: str, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [DEPLOY / script, *arguments], env=self.environment(**variables), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.folder,
        )  # fmt: skip
        self.started.append(process)
        return process

    def calls(self, program: str) -> list[dict[str, Any]]:
        found = [json.loads(path.read_text()) for path in (self.folder / "calls").glob("*.json")]
        mine = [call for call in found if call["program"] == program]
        return sorted(mine, key=lambda call: float(call["at"]))

    def one(self, program: str) -> dict[str, Any]:
        (call,) = self.calls(program)
        return call

    def wait_for(self, holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + 60
        while not holds():
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(folder=tmp_path)
    # The interpreter of the tests, even if this machine has another python.
    made.write("python3", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=30)
        assert process.stdout is not None
        process.stdout.close()


def flags(call: Mapping[str, Any]) -> dict[str, str]:
    pairs = (part.removeprefix("--").partition("=") for part in call["arguments"])
    return {name: value for name, _, value in pairs}


def test_scripts_have_no_faults_that_shellcheck_knows() -> None:
    program = shutil.which("shellcheck")
    if program is None:
        pytest.skip("shellcheck is not installed")
    subprocess.run([program, *sorted(DEPLOY.glob("*.sh"))], check=True)


def test_the_head_listens_on_the_address_of_its_name(stage: Stage) -> None:
    stage.program("ray")
    assert stage.run("ray-head.sh", RAY_HOST="localhost", UMSS_STORAGE="secret").returncode == 0
    call = stage.one("ray")
    assert flags(call)["node-ip-address"] == "127.0.0.1"
    assert flags(call)["num-cpus"] == "0" and flags(call)["num-gpus"] == "0"
    assert "UMSS_STORAGE" not in call["environment"]


def test_the_heads_sockets_have_short_paths(stage: Stage, tmp_path: Path) -> None:
    stage.program("ray")
    longest = LONGEST - len("/ray")
    assert f"longest={longest} " in (DEPLOY / "ray-head.sh").read_text()
    long = tmp_path / ("x" * longest)
    long.mkdir()
    short = f"/tmp/unim2-search-{os.geteuid()}"
    for given in (long, tmp_path / "gone"):
        done = stage.run("ray-head.sh", TMPDIR=str(given))
        assert done.returncode == 0 and f"using {short}" in done.stderr
    assert [call["environment"]["RAY_TMPDIR"] for call in stage.calls("ray")] == [short] * 2
    assert stage.run("ray-head.sh", TMPDIR="/tmp").stderr == ""
    assert stage.run("ray-head.sh", TMPDIR=str(long), RAY_TMPDIR="/var/tmp").stderr == ""


def test_a_head_without_an_address_says_so(stage: Stage) -> None:
    stage.program("ray")
    done = stage.run("ray-head.sh", RAY_HOST="nowhere.invalid")
    assert done.returncode == 2 and "nowhere.invalid" in done.stderr
    assert stage.calls("ray") == []


def test_a_worker_offers_its_devices_and_gets_no_address_of_the_database(stage: Stage) -> None:
    stage.program("ray")
    secret = {"UMSS_STORAGE": "x", "PGPASSWORD": "x", "PGPASSFILE": "x"}
    assert stage.run("ray-worker.sh", RAY_HEAD="head:1", **secret).returncode == 0
    call = stage.one("ray")
    assert flags(call)["address"] == "head:1"
    assert not {"num-cpus", "num-gpus"} & set(flags(call))
    assert not set(secret) & set(call["environment"])


def test_nodes_of_one_machine_take_different_gpus(stage: Stage) -> None:
    stage.program("ray", lasts=True)
    stage.write("nvidia-smi", "#!/bin/sh\nprintf '0\\n1\\n2\\n'\n")
    locks = stage.folder / "locks"
    locks.mkdir()

    def node(gpus: str) -> "subprocess.Popen[str]":
        before = len(stage.calls("ray"))
        process = stage.start("ray-worker.sh", RAY_GPUS=gpus, GPU_LOCKS=str(locks))
        stage.wait_for(lambda: len(stage.calls("ray")) > before or process.poll() is not None)
        return process

    def visible() -> list[str]:
        return [call["environment"]["CUDA_VISIBLE_DEVICES"] for call in stage.calls("ray")]

    first = node("2")
    refused = node("2")
    assert refused.wait(timeout=30) == 2
    assert refused.stdout is not None and "1 of 2 GPUs are free here" in refused.stdout.read()
    node("1")
    assert visible() == ["0,1", "2"]
    first.kill()
    first.wait(timeout=30)
    node("1")
    assert visible() == ["0,1", "2", "0"]


def test_the_search_runs_on_a_node_without_cores(stage: Stage) -> None:
    stage.program("ray", says="Ray runtime started.", lasts=True)
    stage.program("python", lasts=True)
    address = "postgresql://user@host/name"
    search = stage.start(
        "search.sh", "launch", "--trials", "3", RAY_HEAD="head:1", DATABASE=address,
        PASSWORD_FILE="file", ARTIFACTS="folder", EXIT_CODE="4",
    )  # fmt: skip
    stage.wait_for(lambda: stage.calls("python"))
    node = stage.one("ray")
    assert flags(node) | {"num-cpus": "0", "num-gpus": "0", "address": "head:1"} == flags(node)
    assert stage.one("python")["arguments"] == [
        "-m", "search", "launch", "--storage", address, "--password-file", "file",
        "--ray", "head:1", "--artifacts", "folder", "--trials", "3",
    ]  # fmt: skip
    search.send_signal(signal.SIGTERM)
    assert search.wait(timeout=60) == 4
    assert stage.one("python")["ended by"] == "SIGTERM"
    stage.wait_for(lambda: stage.one("ray").get("ended by") == "SIGTERM")


def test_a_host_that_reaches_no_cluster_does_not_search(stage: Stage) -> None:
    stage.write("ray", "#!/bin/sh\necho no cluster there\nexit 1\n")
    stage.program("python")
    done = stage.run("search.sh", "launch", RAY_HEAD="head:1", JOIN_SECONDS="1")
    assert done.returncode == 4 and "could not join the Ray cluster" in done.stderr
    assert "no cluster there" in done.stderr and stage.calls("python") == []


@pytest.mark.parametrize("verb", ["launch", "resume", "status"])
def test_without_a_cluster_only_the_command_runs(stage: Stage, verb: str) -> None:
    stage.program("python")
    assert stage.run("search.sh", verb, "name").returncode == 0
    assert stage.one("python")["arguments"] == ["-m", "search", verb, "name"]


def test_the_dashboard_changes_nothing(stage: Stage) -> None:
    stage.program("python")
    assert stage.run("dashboard.sh", DASHBOARD_HOST="0.0.0.0").returncode == 0
    arguments = stage.one("python")["arguments"]
    assert arguments[:4] == ["-m", "search", "dashboard", "--read-only"]
    assert arguments[arguments.index("--host") + 1] == "0.0.0.0"


def test_secrets_are_created_once_and_readable_by_their_owner_alone(stage: Stage) -> None:
    assert stage.run("make-secrets.sh").returncode == 0
    folder = stage.folder / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    made = {path.name: path.read_text() for path in folder.iterdir()}
    assert set(made) == {
        "database_password", "driver_password", "viewer_password", "dashboard_password",
        "ray_token",
    }  # fmt: skip
    assert len(set(made.values())) == 5 and all(len(text) == 65 for text in made.values())
    done = stage.run("make-secrets.sh")
    assert done.stdout == "" and made == {p.name: p.read_text() for p in folder.iterdir()}


@pytest.mark.parametrize("user", ["a:b", "a b", "a\nb"])
def test_the_proxy_refuses_a_name_that_would_be_another(stage: Stage, user: str) -> None:
    (stage.folder / "password").write_text("secret\n")
    done = stage.run("proxy.sh", PROXY_PASSWORD_FILE="password", PROXY_USER=user)
    assert done.returncode == 2 and "PROXY_USER" in done.stderr


def test_the_proxy_refuses_an_empty_password(stage: Stage) -> None:
    (stage.folder / "password").write_text("\nsecond line\n")
    done = stage.run("proxy.sh", PROXY_PASSWORD_FILE="password")
    assert done.returncode == 2 and "empty first line" in done.stderr


SCONTROL = """#!/bin/sh
echo "$@" >> "$RECORDS/scontrol"
[ "$1" != show ] || printf 'localhost\\nsecond\\n'
"""


def slurm(stage: Stage) -> dict[str, str]:
    stage.program("srun", lasts=True)
    stage.program("python")
    stage.write("scontrol", SCONTROL)
    return {
        "SLURM_JOB_ID": "12", "SLURM_JOB_NODELIST": "n[1-2]", "SLURM_JOB_NUM_NODES": "2",
        "SLURM_SUBMIT_DIR": str(stage.folder), "SLURM_CPUS_ON_NODE": "8",
        "SLURM_GPUS_ON_NODE": "4", "DEPLOY": str(DEPLOY), "DATABASE": "postgresql://u@h/n",
    }  # fmt: skip


LISTEN = """#!/usr/bin/env python3
import socket, sys
port = next(part for part in sys.argv if part.startswith("--port=")).partition("=")[2]
with socket.create_server(("127.0.0.1", int(port))) as server:
    while True:
        server.accept()[0].close()
"""


def test_a_slurm_job_starts_the_cluster_and_is_queued_again(stage: Stage) -> None:
    variables = slurm(stage)
    stage.write("ray", LISTEN)
    stage.program("python", lasts=True)
    job = stage.start("slurm.sh", "--study", "first", EXIT_CODE="4", **variables)
    stage.wait_for(lambda: stage.calls("python") and stage.calls("srun"))
    workers = stage.one("srun")
    assert flags(workers)["nodes"] == "1" and flags(workers)["exclude"] == "localhost"
    assert workers["arguments"][-1] == str(DEPLOY / "ray-worker.sh")
    given = workers["environment"]
    assert given["RAY_AUTH_MODE"] == "token" and len(token_of(given)) == 64
    assert given["RAY_CPUS"] == "8" and given["RAY_GPUS"] == "4"
    assert stage.one("python")["arguments"] == [
        "-m", "search", "launch", "--storage", "postgresql://u@h/n",
        "--ray", "localhost:20012", "--artifacts", str(stage.folder / "artifacts"),
        "--wait", "--study", "first",
    ]  # fmt: skip
    job.send_signal(signal.SIGTERM)
    assert job.wait(timeout=60) == 4
    lines = (stage.folder / "calls" / "scontrol").read_text().splitlines()
    assert lines == ["show hostnames n[1-2]", "requeue 12"]
    assert not (stage.folder / "runs" / "slurm-12").exists(), "the token is left"
    stage.wait_for(lambda: stage.one("srun").get("ended by") == "SIGTERM")


def token_of(environment: Mapping[str, str]) -> str:
    return Path(environment["RAY_AUTH_TOKEN_PATH"]).read_text()


def test_a_slurm_job_needs_a_study_name_to_resume(stage: Stage) -> None:
    done = stage.run("slurm.sh", "--trials", "3", **slurm(stage))
    assert done.returncode == 2 and "--study NAME" in done.stderr
