"""Processes that Ray leaves behind are found below this process and ended; no others are."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from search.workers.ray_processes import end, ray_processes

#: Starts another process like itself, prints a line, and waits.
PARENT = """
import subprocess, sys, time
if sys.argv[1] == "parent":
    print(subprocess.Popen([sys.executable, __file__, "child"]).pid, flush=True)
time.sleep(60)
"""


def start(folder: Path) -> tuple["subprocess.Popen[str]", int]:
    folder.mkdir()
    (folder / "program.py").write_text(PARENT)
    process = subprocess.Popen(
        [sys.executable, str(folder / "program.py"), "parent"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def test_processes_of_ray_are_ended_with_those_below_them(tmp_path: Path) -> None:
    package = tmp_path / "ray"
    (parent, child), (stranger, other) = start(package), start(tmp_path / "other")
    with parent, stranger:
        found = ray_processes(package)
        assert set(found) == {parent.pid, child}
        end({child: found[child] + 1})  # another process by now
        assert set(ray_processes(package)) == set(found)
        end(found)
        assert parent.wait(timeout=10) == -signal.SIGKILL
        deadline = time.monotonic() + 10
        while ray_processes(package) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert ray_processes(package) == {}
        end(found)  # they are gone
        assert stranger.poll() is None and Path(f"/proc/{other}").exists()
        os.kill(other, signal.SIGKILL)
        stranger.kill()
