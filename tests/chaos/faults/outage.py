"""The database is torn down, and started again some seconds later."""

import time

from tests.chaos.live_run import Injection, LiveRun
from tests.chaos.schedule import Fault

__all__ = ["outage"]


def outage(run: LiveRun, fault: Fault, injection: Injection) -> bool:
    """Tear the server down, unless it is down already."""
    if not run.server.running:
        return False
    run.server.tear_down()

    def start() -> None:
        run.server.start()
        injection.ended = time.time()

    run.after(fault.seconds, start)
    return True
