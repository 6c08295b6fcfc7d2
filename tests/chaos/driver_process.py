"""A driver in a process that may be killed anywhere: the real launch, on a pool of processes.

Everything but Ray is the product's: settings, the study's creation, the lease, the fence, the
journal, the trainer in the workers, signals. Run in a child of a fork server that has
imported it all, so that a start takes no seconds.
"""

import contextlib
import functools
import os
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from rich.console import Console

from search.bookings import Terms
from search.cli import DRIVEN_ELSEWHERE, STOPPED
from search.config import LaunchConfig, resolve
from search.display.progress import open_progress
from search.driver import Driver, Ending
from search.errors import SearchError
from search.machine import Machine
from search.pool import Pool
from search.verbs import launching, session
from search.verbs.launching import Launch, launch
from search.verbs.session import Places
from search.worker import WorkerSetup
from storage.address import parse_address
from storage.database import open_database
from storage.errors import DatabaseAway, LeaseHeld, LeaseLost, StorageError
from storage.lease import Lease
from tests.chaos.clock import JumpingClock
from tests.chaos.failing_statements import fail_statements
from tests.chaos.nursery import Nursery
from tests.chaos.process_pool import ProcessPool
from tests.chaos.told import NotingLedger
from tests.chaos.worker_process import Given, serve

__all__ = ["LOG_FILE", "REFUSED", "TINY", "DriverOptions", "drive"]

LOG_FILE = "driver.log"
#: Exit code, beside those of the command line: the search was not begun.
REFUSED = 5
#: Seconds after which a silent driver may be taken over from; 30 and 5 for users.
TIME_TO_LIVE, RENEW_SECONDS = 3.0, 0.5
PATIENCE_SECONDS = 600.0

#: Laid over the preset ``rooms``: a trial takes a fraction of a second of a core.
TINY: dict[str, Any] = {
    "data": {"options": {"train": 4, "val": 2, "test": 2, "size": 64}},
    "features": {"train_resolution": 32, "eval_resolution": 64},
    "training": {"iterations": 4, "batch_size": 4, "samples": 3, "random_draws": 2},
    "evaluation": {"evaluations": 4},
}


@dataclass(frozen=True, kw_only=True)
class DriverOptions:
    """How to drive."""

    study: str
    address: str
    #: Where it and its workers note what they do.
    folder: Path
    cache: Path
    checkpoints: Path
    trials: int
    workers: int
    study_seed: int
    #: Seconds to wait for the lease.
    wait: float = 0.0
    #: Every how many statements one fails, and how many count as done; None fails none.
    failing_every: int | None = None
    statements_done: int = 0
    broken: tuple[int, ...] = ()
    stumbling: tuple[int, ...] = ()
    #: Settings laid over the preset.
    settings: dict[str, Any] | None = None
    #: Whether the workers' trainer is one that costs nothing.
    trivial: bool = False

    def tables(self) -> dict[str, Any]:
        """What is laid over the preset ``rooms``."""
        search = {"trials": self.trials, "seed": self.study_seed}
        return {**(self.settings or TINY), "search": search}


def drive(options: DriverOptions) -> None:
    """Create or continue the study and drive it; the entry of a process, which it ends."""
    log = os.open(options.folder / LOG_FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for stream in (1, 2):
        os.dup2(log, stream)
    code = 1
    try:
        code = _drive(options)
    except BaseException:  # noqa: BLE001 - the process ends here, and says of what
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _drive(options: DriverOptions) -> int:
    nursery = Nursery(serve)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    begun = _prepare(options, nursery)
    if options.failing_every is not None:
        fail_statements(options.failing_every, done=options.statements_done)
    try:
        with open_database(parse_address(options.address)) as database:
            result = launch(
                _request(options),
                database,
                open_progress=lambda: open_progress(Console(width=500), plain=True),
                open_preparing=lambda: contextlib.nullcontext(lambda what, done, total: None),
                say=_say,
            )
            return 0 if result.ending is Ending.FINISHED else STOPPED
    except (LeaseHeld, LeaseLost) as error:
        return _tell(error, DRIVEN_ELSEWHERE)
    except DatabaseAway as error:
        return _tell(error, STOPPED if begun else REFUSED)
    except (StorageError, SearchError) as error:
        return _tell(error, REFUSED if not begun else 1)
    finally:
        nursery.close()


def _say(text: str) -> None:
    print(text, flush=True)


def _tell(error: Exception, code: int) -> int:
    _say(f"error: {type(error).__name__}: {error}")
    return code


def _request(options: DriverOptions) -> Launch:
    return Launch(
        study=options.study,
        preset="rooms",
        config=resolve("rooms", None, options.tables()),
        trials_given=True,
        machine=Machine(device="cpu", workers=options.workers),
        terms=Terms(oversubscribe=True),
        places=Places(cache=options.cache, checkpoints=options.checkpoints),
        patience=PATIENCE_SECONDS,
    )


def _prepare(options: DriverOptions, nursery: Nursery) -> list[bool]:
    """Put the pool, the clock and the notes in their places; tells when driving has begun."""
    begun: list[bool] = []

    @contextlib.contextmanager
    def workers(config: LaunchConfig, machine: Machine, **other: Any) -> Iterator[Pool]:
        bank = str(other["bank"])
        setup = WorkerSetup(config=config.train, bank=bank, device="cpu")
        begun.append(True)
        yield ProcessPool(
            nursery,
            Given(
                setup=None if options.trivial else setup,
                folder=options.folder,
                broken=options.broken,
                stumbling=options.stumbling,
            ),
            count=machine.workers,
        )

    launching.ray_workers = workers  # type: ignore[assignment]
    session.Driver = functools.partial(Driver, clock=JumpingClock())  # type: ignore[misc,assignment]
    session.Ledger = NotingLedger  # type: ignore[misc]
    NotingLedger.folder = options.folder
    Lease.acquire.__func__.__kwdefaults__.update(  # type: ignore[attr-defined]
        wait=options.wait, time_to_live=TIME_TO_LIVE, renew_seconds=RENEW_SECONDS
    )
    return begun
