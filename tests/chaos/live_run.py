"""A run under way: its drivers, its server, its disk, and what is still to be undone."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import text

from storage.address import parse_address
from storage.database import Database
from storage.errors import DatabaseUnreachable
from tests.chaos.disk import Disk
from tests.chaos.driver_options import LOG_FILE, DriverOptions
from tests.chaos.processes import Launcher, Running, below
from tests.chaos.schedule import Fault
from tests.chaos.server import ChaosServer
from tests.chaos.told import ended_in_log, read_told

__all__ = ["Injection", "LiveRun"]


@dataclass(kw_only=True)
class Injection:
    """A fault that struck."""

    fault: Fault
    #: When it struck, and when what it broke was whole again; seconds since the epoch.
    began: float
    ended: float


@dataclass(kw_only=True)
class LiveRun:
    """What faults act on."""

    folder: Path
    server: ChaosServer
    disk: Disk
    launcher: Launcher
    #: The next driver's options, but for its wait and its statements.
    options: Callable[[float], DriverOptions]
    drivers: list[Running] = field(default_factory=list)
    injections: list[Injection] = field(default_factory=list)
    #: What somebody wrote through Optuna's API, by number of the trial; see the checker.
    others: dict[int, str] = field(default_factory=dict)
    #: What is still to be done, and when: conditions and actions.
    later: list[tuple[Callable[[], bool], Callable[[], None]]] = field(default_factory=list)

    @property
    def living(self) -> list[Running]:
        """Drivers that have not ended, oldest first."""
        return [driver for driver in self.drivers if driver.ended() is None]

    def whole(self, *, driving: bool = True) -> Running | None:
        """The oldest driver that nothing was done to yet; with ``driving``, once it has stored."""
        told = {told.pid for told in read_told(self.folder)} if driving else set()
        for driver in self.living:
            if driver.role == "driver" and not driver.sent and (not driving or driver.pid in told):
                return driver
        return None

    def start_driver(self, *, role: str = "driver", wait: float = 0.0) -> Running:
        """Start a further driver."""
        driver = self.launcher.start(self.options(wait), role)
        self.drivers.append(driver)
        return driver

    def workers(self) -> list[int]:
        """Process numbers of all workers of living drivers."""
        title = self.launcher.worker_title
        return [pid for driver in self.living for pid in below(driver.pid, title)]

    def log(self) -> str:
        """What the drivers printed."""
        path = self.folder / LOG_FILE
        return path.read_text(errors="replace") if path.exists() else ""

    def ended_trials(self) -> int:
        """How many trials have ended, as the drivers tell it."""
        return ended_in_log(self.log())

    def epoch_told(self) -> int:
        """The newest epoch under which something is known to be stored."""
        return max((told.epoch for told in read_told(self.folder)), default=0)

    def name_driver(self) -> None:
        """A standby that has stored something is the driver."""
        told = read_told(self.folder)
        for driver in self.drivers:
            if told and driver.pid == told[-1].pid:
                driver.role = "driver"

    def when(self, condition: Callable[[], bool], action: Callable[[], None]) -> None:
        """Do something as soon as a condition holds."""
        self.later.append((condition, action))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something some seconds from now."""
        due = time.monotonic() + seconds
        self.when(lambda: time.monotonic() >= due, action)

    def execute(self, statement: str) -> bool:
        """Execute one statement as the server's owner; whether the server was there."""
        address = parse_address(self.options(0.0).address)
        with Database(address, None) as database:
            try:
                with database.engine.begin() as connection:
                    connection.execute(text(statement))
                return True
            except DatabaseUnreachable:
                return False

    def work_off(self) -> None:
        """Do what is due of what was put off."""
        waiting, self.later = self.later, []
        for condition, action in waiting:
            if condition():
                action()
            else:
                self.later.append((condition, action))
