"""A run in progress: its drivers, its server, its disk, and the actions that are still due."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import text

from storage.address import parse_address
from storage.database import Database
from storage.errors import DatabaseUnreachable
from tests.chaos.acknowledged import ended_in_log, read_acknowledged
from tests.chaos.disk import Disk
from tests.chaos.driver_options import LOG_FILE, DriverOptions
from tests.chaos.processes import Launcher, Running, below
from tests.chaos.schedule import Fault
from tests.chaos.server import ChaosServer

__all__ = ["Injection", "LiveRun"]


@dataclass(kw_only=True)
class Injection:
    """A fault that struck."""

    fault: Fault
    #: When it struck, and when its effect was over; seconds since the epoch.
    began: float
    ended: float


@dataclass(kw_only=True)
class LiveRun:
    """A run on which faults act."""

    folder: Path
    server: ChaosServer
    disk: Disk
    launcher: Launcher
    #: The next driver's options, except its wait and its statements.
    options: Callable[[float], DriverOptions]
    drivers: list[Running] = field(default_factory=list)
    injections: list[Injection] = field(default_factory=list)
    #: How other users wrote trials through Optuna's API, by number; see the checker.
    others: dict[int, str] = field(default_factory=dict)
    #: Actions that are still due, each with the condition on which it is carried out.
    later: list[tuple[Callable[[], bool], Callable[[], None]]] = field(default_factory=list)

    @property
    def living(self) -> list[Running]:
        """Drivers that have not ended, oldest first."""
        return [driver for driver in self.drivers if driver.ended() is None]

    def undisturbed(self, *, driving: bool = True) -> Running | None:
        """The oldest driver without a fault so far; with ``driving``, one that stored an entry."""
        stored = {entry.pid for entry in read_acknowledged(self.folder)} if driving else set()
        for driver in self.living:
            if (
                driver.role == "driver"
                and not driver.sent
                and (not driving or driver.pid in stored)
            ):
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
        """The output of the drivers."""
        path = self.folder / LOG_FILE
        return path.read_text(errors="replace") if path.exists() else ""

    def ended_trials(self) -> int:
        """Number of trials that have ended according to the drivers' output."""
        return ended_in_log(self.log())

    def stored_epoch(self) -> int:
        """The newest epoch under which something is known to be stored."""
        return max((entry.epoch for entry in read_acknowledged(self.folder)), default=0)

    def name_driver(self) -> None:
        """A standby that has stored something is the driver."""
        entries = read_acknowledged(self.folder)
        for driver in self.drivers:
            if entries and driver.pid == entries[-1].pid:
                driver.role = "driver"

    def when(self, condition: Callable[[], bool], action: Callable[[], None]) -> None:
        """Do something as soon as a condition holds."""
        self.later.append((condition, action))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something some seconds from now."""
        due = time.monotonic() + seconds
        self.when(lambda: time.monotonic() >= due, action)

    def execute(self, statement: str) -> bool:
        """Execute one statement as the server's owner; returns whether it could be reached."""
        address = parse_address(self.options(0.0).address)
        with Database(address, None) as database:
            try:
                with database.engine.begin() as connection:
                    connection.execute(text(statement))
                return True
            except DatabaseUnreachable:
                return False

    def work_off(self) -> None:
        """Carry out the actions that are due."""
        waiting, self.later = self.later, []
        for condition, action in waiting:
            if condition():
                action()
            else:
                self.later.append((condition, action))
