"""SIGKILL of the process that heads the Ray cluster."""

import os
import signal

from tests.chaos.live_run import Injection, LiveRun
from tests.chaos.processes import below
from tests.chaos.schedule import Fault

__all__ = ["kill_head"]

HEAD = "gcs_server"


def kill_head(run: LiveRun, fault: Fault, injection: Injection) -> bool:
    """Kill the head of the driver's cluster, once it is there."""
    for driver in run.living:
        for head in below(driver.pid, HEAD):
            os.kill(head, signal.SIGKILL)
            return True
    return False
