"""The faults: one file and one line in the table each.

A fault is a function of the run and of the values drawn for it. It returns whether it struck; one
that finds no target yet is tried again.
"""

from collections.abc import Callable

from tests.chaos.faults.driver_clock import driver_clock
from tests.chaos.faults.freeze_driver import freeze_driver
from tests.chaos.faults.full_disk import full_disk
from tests.chaos.faults.kill_driver import kill_driver
from tests.chaos.faults.kill_head import kill_head
from tests.chaos.faults.kill_worker import kill_worker
from tests.chaos.faults.others_write import others_write
from tests.chaos.faults.outage import outage
from tests.chaos.faults.server_clock import server_clock
from tests.chaos.faults.stop_driver import stop_driver
from tests.chaos.live_run import Injection, LiveRun
from tests.chaos.schedule import Fault

__all__ = ["FAULTS"]

FAULTS: dict[str, Callable[[LiveRun, Fault, Injection], bool]] = {
    "driver_clock": driver_clock,
    "freeze_driver": freeze_driver,
    "full_disk": full_disk,
    "kill_driver": kill_driver,
    "kill_head": kill_head,
    "kill_worker": kill_worker,
    "others_write": others_write,
    "outage": outage,
    "server_clock": server_clock,
    "stop_driver": stop_driver,
}
