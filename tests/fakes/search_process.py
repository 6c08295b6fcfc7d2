"""A whole search without Ray and the real trainer, in a process that may be killed anywhere."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event

from search.config.configuration import LaunchConfig
from search.driver.driver import Ending
from search.driver.note_keeper import MakeNote
from search.driver.parts import STANDARD_PARTS, Parts
from search.driver.session import Session
from search.driver.study_store import StudyStore
from search.driver.writes import AddTrial, Batchable, EndTrial, StoreReport, StoreTest, Write
from search.machine.resources import Machine
from search.machine.run_options import Paths, RunOptions
from search.records.messages import Begin, Order
from storage.address import parse_address
from storage.database import Database, open_database
from storage.errors import NameTaken
from storage.lease import Lease
from storage.studies import NewStudy, StudyRecord, create_study, get_study
from tests.fakes.pool import InlinePool
from tests.fakes.store import SilentProgress
from tests.fakes.training import FakeWorker

STUDY = "study"
#: In the folder of the checkpoints, once the search is done: how many statements it took.
STATEMENTS_FILE = "statements"
_NAMES = {AddTrial: "create", StoreReport: "report", EndTrial: "end", StoreTest: "test"}
CONFIG: dict[str, Any] = {
    "training": {"iterations": 30},
    "evaluation": {"evaluations": 3},
}


@dataclass(frozen=True, kw_only=True)
class Kill:
    """When the process ends itself by SIGKILL (or freezes by SIGSTOP)."""

    #: ``create``, ``report``, ``end``, ``test``: the entry; ``sql``: any statement; ``worker``:
    #: an order; ``score``: the order to score the best trial on test.
    what: str
    #: Which one of them, from 1.
    nth: int
    #: For an entry: ``before`` it, at its first ``commit`` (after the fence), or ``after`` it.
    when: str = "before"
    signal: int = signal.SIGKILL


@dataclass
class _Trigger:
    kill: Kill | None
    counts: dict[str, int] = field(default_factory=dict)
    armed: bool = False

    def count(self, what: str) -> bool:
        self.counts[what] = self.counts.get(what, 0) + 1
        kill = self.kill
        return kill is not None and kill.what == what and self.counts[what] == kill.nth

    def fire(self) -> None:
        assert self.kill is not None
        os.kill(os.getpid(), self.kill.signal)


class FaultyStudyStore(StudyStore):
    """The study store, with the trigger around each entry."""

    trigger: _Trigger

    def apply(self, entry: Write, *, possibly_applied: bool) -> None:
        with self._due([entry]):
            super().apply(entry, possibly_applied=possibly_applied)

    def apply_batch(self, entries: Sequence[Batchable], *, possibly_applied: bool) -> bool:
        if self._goes_past(entries):
            return False  # one by one, so that nothing is stored after the entry that kills
        with self._due(entries):
            return super().apply_batch(entries, possibly_applied=possibly_applied)

    def _goes_past(self, entries: Sequence[Write]) -> bool:
        """Whether other entries follow, in one transaction, the one after which to kill."""
        kill = self.trigger.kill
        if kill is None or kill.when != "after":
            return False
        places = [
            place for place, entry in enumerate(entries) if _NAMES.get(type(entry)) == kill.what
        ]
        left = kill.nth - self.trigger.counts.get(kill.what, 0)
        return 0 < left <= len(places) and places[left - 1] < len(entries) - 1

    @contextlib.contextmanager
    def _due(self, entries: Sequence[Write]) -> Iterator[None]:
        due = any([self.trigger.count(_NAMES.get(type(entry), "")) for entry in entries])
        kill = self.trigger.kill
        if due and kill is not None and kill.when == "before":
            self.trigger.fire()
        self.trigger.armed = due and kill is not None and kill.when == "commit"
        yield
        if due and kill is not None and kill.when == "after":
            self.trigger.fire()


def new_study(trials: int, *, workers: int = 1) -> NewStudy:
    config = LaunchConfig.from_table({**CONFIG, "search": {"trials": trials, "seed": 5}})
    return NewStudy(
        config=config.to_table(),
        space=config.space().to_json(),
        seed=5,
        trials=trials,
        versions={},
        fingerprints={},
        lag=workers + 1,
    )


def claim(database: Database, trials: int, workers: int) -> StudyRecord:
    with contextlib.suppress(NameTaken):
        create_study(database.engine, STUDY, new_study(trials, workers=workers))
    return get_study(database.engine, STUDY)


def session_of(
    database: Database,
    lease: Lease,
    folder: Path,
    *,
    artifacts: Path | None = None,
    patience: float = 5.0,
    parts: Parts = STANDARD_PARTS,
    make_note: Callable[[StudyRecord], MakeNote] | None = None,
) -> Session:
    """A session of the lease's study as it is stored, with its checkpoints in the folder."""
    record = get_study(database.engine, lease.study)
    return Session(
        database=database,
        lease=lease,
        record=record,
        config=LaunchConfig.from_table(record.config),
        options=RunOptions(
            machine=Machine(device="cpu", workers=1),
            paths=Paths(
                cache=folder,
                checkpoints=folder,
                artifacts=None if artifacts is None else str(artifacts),
            ),
            patience=patience,
        ),
        parts=parts,
        make_note=make_note,
    )


def run_search(
    address: str,
    checkpoints: Path,
    *,
    trials: int = 24,
    workers: int = 1,
    kill: Kill | None = None,
    time_to_live: float = 30.0,
    wait: float = 0.0,
    patience: float = 20.0,
    artifacts: Path | None = None,
) -> Ending:
    """Create or continue the study and drive it, with the fault; the entry of a process."""
    trigger = _Trigger(kill)

    def on_order(worker: str, order: Order, hosted: FakeWorker) -> None:
        if trigger.count("worker"):
            trigger.fire()
        is_test = isinstance(order, Begin) and order.task.job.kind == "test"
        if is_test and trigger.count("score"):
            trigger.fire()

    with open_database(parse_address(address)) as database:
        claim(database, trials, workers)
        lease = Lease.acquire(
            database, STUDY, wait=wait, time_to_live=time_to_live, renew_seconds=time_to_live / 6
        )
        with lease:
            session = session_of(
                database, lease, checkpoints, artifacts=artifacts, patience=patience
            )
            session._study_store.__class__ = FaultyStudyStore
            session._study_store.trigger = trigger  # type: ignore[attr-defined]
            _watch_statements(session._storage.engine, trigger)
            with contextlib.closing(session):
                artifact_store = (
                    None if session.artifact_store is None else session.artifact_store.open()
                )
                pool = InlinePool(workers, on_order, artifact_store, pictures=session.pictures)
                ending = session.drive(pool, SilentProgress())
            (checkpoints / STATEMENTS_FILE).write_text(str(trigger.counts["sql"]))
            return ending


def _watch_statements(engine: Engine, trigger: _Trigger) -> None:
    """Registered after the fence, so that a kill at a commit comes between its read and it."""

    @event.listens_for(engine, "commit")
    def _commit(connection: Connection) -> None:
        if trigger.armed:
            trigger.armed = False
            trigger.fire()

    @event.listens_for(engine, "before_cursor_execute")
    def _statement(*arguments: Any) -> None:
        if trigger.count("sql"):
            trigger.fire()
