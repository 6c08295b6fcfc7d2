"""How drivers may end: killed or stopped by the schedule, replaced by another, or done."""

import signal

from tests.chaos.driver_options import BAD_INPUT, DRIVEN_ELSEWHERE, REFUSED, STOPPED
from tests.chaos.processes import Running
from tests.chaos.schedule import TAKEOVERS, Schedule

__all__ = ["is_allowed"]


SLOW_RAY = "error: Ray did not start in time"


def is_allowed(driver: Running, schedule: Schedule, log: str) -> bool:
    """Whether the schedule explains how this driver ended.

    If the database is unreachable when a driver starts, the driver ends with an error and is
    started again. If it becomes unreachable later, the driver waits, unless its own clock says
    that its patience is over. Ray gives itself 30 s to start, too little beside many others.
    """
    kinds = {fault.kind for fault in schedule.faults}
    shaky = "outage" in kinds or schedule.failing_every is not None
    code = driver.ended()
    if code == -signal.SIGKILL:
        return signal.SIGKILL in driver.sent
    if code == DRIVEN_ELSEWHERE:
        return bool(kinds & set(TAKEOVERS))
    if code == STOPPED:
        out_of_patience = shaky and "driver_clock" in kinds
        return signal.SIGTERM in driver.sent or out_of_patience
    if code == (REFUSED if schedule.engine == "light" else BAD_INPUT):
        return shaky or log.rstrip().rpartition("\n")[2].startswith(SLOW_RAY)
    return code == 0
