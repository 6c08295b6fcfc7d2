"""SIGKILL of a worker."""

import os
import signal

from tests.chaos.live_run import Injection, LiveRun
from tests.chaos.schedule import Fault

__all__ = ["kill_worker"]


def kill_worker(run: LiveRun, fault: Fault, injection: Injection) -> bool:
    """Kill one of the workers."""
    workers = run.workers()
    if not workers:
        return False
    os.kill(workers[fault.pick % len(workers)], signal.SIGKILL)
    return True
