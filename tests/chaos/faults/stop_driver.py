"""SIGTERM of the driver: it stops cleanly, and is started again."""

import signal

from tests.chaos.live_run import Injection, LiveRun
from tests.chaos.schedule import Fault

__all__ = ["stop_driver"]


def stop_driver(run: LiveRun, fault: Fault, injection: Injection) -> bool:
    """Ask the oldest undisturbed driver to stop."""
    driver = run.undisturbed()
    if driver is not None:
        driver.send(signal.SIGTERM)
    return driver is not None
