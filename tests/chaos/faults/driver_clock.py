"""The clock of the driver jumps by an hour."""

import signal

from tests.chaos.live_run import Injection, LiveRun
from tests.chaos.schedule import Fault

__all__ = ["driver_clock"]


def driver_clock(run: LiveRun, fault: Fault, injection: Injection) -> bool:
    """Let it jump in the oldest driver that has written something."""
    driver = run.undisturbed()
    if driver is None:
        return False
    driver.send(signal.SIGUSR1)
    driver.sent.clear()  # it is as whole as before
    return True
