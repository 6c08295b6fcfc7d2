"""SIGSTOP of the driver until a standby has taken over and has written; then SIGCONT."""

import signal

from tests.chaos.live_run import Injection, LiveRun
from tests.chaos.schedule import Fault

__all__ = ["freeze_driver"]

WAIT_SECONDS = 900.0  # that a standby is ready to wait for the lease


def freeze_driver(run: LiveRun, fault: Fault, injection: Injection) -> bool:
    """Freeze the oldest undisturbed driver, and thaw it after another one has taken over."""
    driver = run.undisturbed()
    if driver is None:
        return False
    frozen, epoch = driver, run.stored_epoch()
    frozen.send(signal.SIGSTOP)
    run.start_driver(role="standby", wait=WAIT_SECONDS)
    run.when(lambda: run.stored_epoch() > epoch, lambda: frozen.send(signal.SIGCONT))
    return True
