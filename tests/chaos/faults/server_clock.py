"""The clock of the server jumps an hour ahead while a standby waits: it takes over at once."""

from tests.chaos.faults.freeze_driver import WAIT_SECONDS
from tests.chaos.live_run import Injection, LiveRun
from tests.chaos.schedule import Fault

__all__ = ["server_clock"]


def server_clock(run: LiveRun, fault: Fault, injection: Injection) -> bool:
    """Make the last renewal look as old as the jump would; the driver lives and writes on."""
    if not run.server.running or not run.stored_epoch():
        return False
    if not any(driver.role == "standby" for driver in run.living):
        run.start_driver(role="standby", wait=WAIT_SECONDS)
    epoch = run.stored_epoch()
    statement = (
        f"UPDATE umss.lease SET renewed_at = renewed_at - interval '{fault.seconds:.0f} s'"
        f" WHERE epoch = {epoch}"
    )

    def jump() -> None:
        if run.stored_epoch() == epoch and run.living:
            run.execute(statement)
            run.after(0.3, jump)  # the driver renews it meanwhile: until the standby has it

    jump()
    return True
