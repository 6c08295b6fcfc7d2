"""The disk under the checkpoints is full for some seconds."""

from tests.chaos.live_run import Injection, LiveRun
from tests.chaos.schedule import Fault

__all__ = ["full_disk"]


def full_disk(run: LiveRun, fault: Fault, injection: Injection) -> bool:
    """Fill it, and empty it again."""
    run.disk.fill(run.workers())
    run.after(fault.seconds, run.disk.free)
    return True
