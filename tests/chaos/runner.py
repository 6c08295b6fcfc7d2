"""Drives one search through its schedule, starts killed drivers again, and checks the result."""

import contextlib
import dataclasses
import datetime
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from search.machine.versions import code_revision
from storage.address import parse_address
from storage.database import Database
from tests.chaos.acknowledged import ends_in_log, read_acknowledged
from tests.chaos.audit import install_audit
from tests.chaos.checker import Expectation, same_search, violations
from tests.chaos.disk import Disk
from tests.chaos.driver_options import DriverOptions
from tests.chaos.exits import is_allowed
from tests.chaos.facts import StudyFacts, read_facts
from tests.chaos.faults import FAULTS
from tests.chaos.live_run import Injection, LiveRun
from tests.chaos.processes import Launcher, Running
from tests.chaos.results import FaultRecord, RunRecord
from tests.chaos.schedule import Fault, Schedule
from tests.chaos.server import ChaosServer
from tests.chaos.work import ALL_STRUCK, Work, read_work
from tests.tiny import TINY

__all__ = ["Runner"]

LOOK_SECONDS = 0.1
#: A search that stores nothing for so long, no outage being on, hangs.
HANG_SECONDS = {"light": 300.0, "ray": 600.0}
#: Longest time from the target to the end of the last driver, a frozen one's included.
LEAVE_SECONDS = 180.0
#: Waits before a driver is started again.
PAUSE_SECONDS = 0.5
LOG_LINES = 12


@dataclass(frozen=True, kw_only=True)
class Runner:
    """Runs schedules on one server, one after the other."""

    server: ChaosServer
    launchers: dict[str, Launcher]
    #: Feature cache.
    cache: Path
    #: Folder of the runs.
    work: Path
    #: Settings that override the preset ``rooms``.
    settings: Mapping[str, Any] = field(default_factory=lambda: TINY)
    #: Whether trials cost nothing; only on processes of the suite.
    trivial: bool = False

    def run(self, schedule: Schedule, *, undisturbed: StudyFacts | None = None) -> RunRecord:
        """One run, from an empty database to its record."""
        return self.run_and_read(schedule, undisturbed=undisturbed)[0]

    def run_and_read(
        self, schedule: Schedule, *, undisturbed: StudyFacts | None = None
    ) -> tuple[RunRecord, StudyFacts]:
        """One run; its record, and the facts that PostgreSQL stores about it."""
        began = time.time()
        with self._prepared(schedule) as run:
            problems = _Drive(run, schedule).to_end()
            self.server.start()
            facts = _read(run)
            work = read_work(run.folder) if schedule.engine == "light" else None
            problems += violations(facts, _expectation(run, schedule))
            if undisturbed is not None:
                problems += same_search(facts, undisturbed)
            if work is not None:
                problems += _work_lost(facts, work, schedule)
            record = _record(schedule, run, facts, work, began=began, problems=problems)
            return dataclasses.replace(record, compared=undisturbed is not None), facts

    @contextlib.contextmanager
    def _prepared(self, schedule: Schedule) -> Iterator[LiveRun]:
        name = f"chaos_{schedule.seed}"
        folder = self.work / name
        folder.mkdir(parents=True)
        launcher = self.launchers[schedule.engine]
        with self.server.database(name) as address, Disk.open(folder / "disk") as disk:
            _install_audit(address)

            def options(wait: float) -> DriverOptions:
                own = disk.folder / f"host-{len(run.drivers)}" if schedule.alone else disk.folder
                return DriverOptions(
                    study=name,
                    address=address,
                    folder=folder,
                    cache=self.cache,
                    checkpoints=own,
                    artifacts=str(disk.folder / "artifacts") if schedule.alone else None,
                    trials=schedule.trials,
                    workers=schedule.workers,
                    slots=schedule.slots,
                    study_seed=schedule.study_seed,
                    wait=wait,
                    failing_every=schedule.failing_every,
                    statements_done=schedule.seed + 37 * len(run.drivers),
                    broken=schedule.broken,
                    stumbling=schedule.stumbling,
                    held_from=schedule.trials - 1,
                    settings=dict(self.settings),
                    trivial=self.trivial,
                )

            run = LiveRun(
                folder=folder, server=self.server, disk=disk, launcher=launcher, options=options
            )
            try:
                yield run
            finally:
                for driver in run.drivers:
                    driver.end()


class _Drive:
    """One search from its first driver to the end of its last."""

    def __init__(self, run: LiveRun, schedule: Schedule) -> None:
        self._run, self._schedule = run, schedule
        self._pending = list(schedule.faults)
        self._due: dict[int, float] = {}
        self._checked: list[Running] = []
        self._progress, self._moved = -1, time.monotonic()
        self._problems: list[str] = []

    def to_end(self) -> list[str]:
        """Drive to the end; returns the problems found on the way."""
        self._run.start_driver()
        while not self._finished() and not self._problems:
            self._look()
            time.sleep(LOOK_SECONDS)
        self._leave()
        return self._problems

    def _finished(self) -> bool:
        return any(driver.ended() == 0 for driver in self._run.drivers)

    def _look(self) -> None:
        self._run.name_driver()
        self._run.work_off()
        self._strike()
        self._check_exits()
        if not self._finished() and not self._able():
            time.sleep(PAUSE_SECONDS)
            frozen = bool(self._run.living)
            self._run.start_driver(role="standby" if frozen else "driver", wait=900.0 * frozen)
        self._check_moving()

    def _able(self) -> bool:
        """Whether a driver is alive and not frozen."""
        return any(not driver.frozen for driver in self._run.living)

    def _strike(self) -> None:
        ended = self._run.ended_trials()
        now = time.monotonic()
        for fault in list(self._pending):
            if ended < fault.at:
                continue
            due = self._due.setdefault(id(fault), now + fault.delay)
            if now >= due and self._inject(fault):
                self._pending.remove(fault)
        if not self._pending:
            (self._run.folder / ALL_STRUCK).touch()

    def _inject(self, fault: Fault) -> bool:
        injection = Injection(fault=fault, began=time.time(), ended=time.time())
        struck = FAULTS[fault.kind](self._run, fault, injection)
        if struck:
            self._run.injections.append(injection)
        return struck

    def _check_exits(self) -> None:
        for driver in self._run.drivers:
            if driver.ended() is None or driver in self._checked:
                continue
            self._checked.append(driver)
            if not is_allowed(driver, self._schedule, self._run.log()):
                lines = "\n".join(self._run.log().splitlines()[-LOG_LINES:])
                self._problems.append(f"a driver ended with exit code {driver.ended()}: {lines}")

    def _check_moving(self) -> None:
        progress = len(self._run.log())
        if progress != self._progress or not self._run.server.running:
            self._progress, self._moved = progress, time.monotonic()
        if time.monotonic() - self._moved > HANG_SECONDS[self._schedule.engine]:
            lines = "\n".join(self._run.log().splitlines()[-LOG_LINES:])
            self._problems.append(f"the search hangs after: {lines}")

    def _leave(self) -> None:
        """Undo remaining faults, let all drivers end, and start the finished search again."""
        deadline = time.monotonic() + LEAVE_SECONDS
        while (self._run.later or self._run.living) and time.monotonic() < deadline:
            self._run.work_off()
            time.sleep(LOOK_SECONDS)
        self._check_exits()
        if self._run.living and not self._problems:
            self._problems.append(f"{len(self._run.living)} drivers are still alive after the end")
        if self._schedule.engine == "light" and not self._problems:
            self._again()

    def _again(self) -> None:
        """Starting a finished search again says that it is finished, and adds nothing."""
        for _ in range(5):
            driver = self._run.start_driver()
            while driver.ended() is None:
                time.sleep(LOOK_SECONDS)
            if driver.ended() == 0:
                return
        self._check_exits()
        self._problems.append("a finished search, started again, does not say so")


def _install_audit(address: str) -> None:
    with Database(parse_address(address), None) as database, database.engine.begin() as writing:
        install_audit(writing)


def _read(run: LiveRun) -> StudyFacts:
    options = run.options(0.0)
    with Database(parse_address(options.address), None) as database:
        with database.engine.connect() as connection:
            return read_facts(connection, options.study)


def _expectation(run: LiveRun, schedule: Schedule) -> Expectation:
    acknowledged = read_acknowledged(run.folder) + ends_in_log(run.log())
    return Expectation(
        trials=schedule.trials,
        broken=schedule.broken,
        acknowledged=acknowledged,
        others=run.others,
    )


def _work_lost(facts: StudyFacts, work: Work, schedule: Schedule) -> list[str]:
    """At most one interval is lost per attempt, unless checkpoints could not be written.

    A driver on another machine finds only the checkpoints in PostgreSQL, fewer in an outage.
    """
    if schedule.alone or any(fault.kind == "full_disk" for fault in schedule.faults):
        return []
    problems = []
    for trial in facts.trials:
        lost = work.begun.get(trial.number, 0) - work.trained.get(trial.number, 0)
        if lost > max(0, len(trial.attempts) - 1):
            problems.append(
                f"trial {trial.number} lost {lost} intervals in {len(trial.attempts)} attempts"
            )
    return problems


def _record(
    schedule: Schedule,
    run: LiveRun,
    facts: StudyFacts,
    work: Work | None,
    *,
    began: float,
    problems: list[str],
) -> RunRecord:
    reasons = Counter(why for trial in facts.trials for _, _, why in trial.attempts[1:])
    return RunRecord(
        seed=schedule.seed,
        engine=schedule.engine,
        workers=schedule.workers,
        slots=schedule.slots,
        study_seed=schedule.study_seed,
        at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        revision=code_revision(),
        seconds=round(time.time() - began, 1),
        faults=tuple(_struck(injection, facts, began) for injection in run.injections),
        failing_every=schedule.failing_every,
        broken=schedule.broken,
        stumbling=schedule.stumbling,
        alone=schedule.alone,
        exits=tuple(driver.ended() or 0 for driver in run.drivers),
        states=dict(Counter(trial.state for trial in facts.trials)),
        attempts=dict(reasons),
        intervals=None if work is None else work.intervals,
        repeated=None if work is None else work.repeated,
        cut_off=None if work is None else work.cut_off,
        compared=False,
        violations=tuple(problems),
    )


def _struck(injection: Injection, facts: StudyFacts, began: float) -> FaultRecord:
    later = [write.at.timestamp() for write in facts.writes]
    later = [at - injection.ended for at in later if at > injection.ended]
    return FaultRecord(
        kind=injection.fault.kind,
        after=round(injection.began - began, 2),
        seconds=round(injection.fault.seconds, 2),
        recovery=round(min(later), 2) if later else None,
    )
