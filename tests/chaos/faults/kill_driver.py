"""SIGKILL of the driver."""

import signal

from tests.chaos.live_run import Injection, LiveRun
from tests.chaos.schedule import Fault

__all__ = ["kill_driver"]


def kill_driver(run: LiveRun, fault: Fault, injection: Injection) -> bool:
    """Kill the oldest driver that is neither frozen nor on its way out, wherever it is."""
    driver = run.undisturbed(driving=False)
    if driver is not None:
        driver.send(signal.SIGKILL)
    return driver is not None
