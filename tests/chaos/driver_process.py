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
from typing import Any

import optuna
from rich.console import Console

from search.commands import launching
from search.commands.launching import Launch, launch
from search.config.configuration import LaunchConfig, resolve_layers
from search.driver import session
from search.driver.driver import Driver, Ending
from search.driver.session import Places
from search.errors import SearchError
from search.machine.reservations import Terms
from search.machine.resources import Machine
from search.progress.progress import open_progress
from search.workers.pool import Pool
from search.workers.worker import WorkerSetup
from storage.address import parse_address
from storage.database import open_database
from storage.errors import DatabaseAway, LeaseHeld, LeaseLost, StorageError
from storage.lease import Lease
from tests.chaos.clock import JumpingClock
from tests.chaos.driver_options import DRIVEN_ELSEWHERE, LOG_FILE, REFUSED, STOPPED, DriverOptions
from tests.chaos.failing_statements import fail_statements
from tests.chaos.noting_ledger import NotingLedger
from tests.chaos.nursery import Nursery
from tests.chaos.process_pool import ProcessPool
from tests.chaos.worker_process import Given, serve
from trainer.config.sources import read_layers

__all__ = ["drive"]

#: Seconds after which a silent driver may be taken over from; 30 and 5 for users.
TIME_TO_LIVE, RENEW_SECONDS = 3.0, 0.5
PATIENCE_SECONDS = 600.0


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
    layers = read_layers("rooms", None, options.tables())
    return Launch(
        study=options.study,
        title="rooms",
        layers=layers,
        config=resolve_layers(layers),
        trials_given=True,
        machine=Machine(device="cpu", workers=options.workers),
        terms=Terms(oversubscribe=True),
        places=Places(
            cache=options.cache, checkpoints=options.checkpoints, artifacts=options.artifacts
        ),
        patience=PATIENCE_SECONDS,
    )


def _prepare(options: DriverOptions, nursery: Nursery) -> list[bool]:
    """Put the pool, the clock and the notes in their places; tells when driving has begun."""
    begun: list[bool] = []

    @contextlib.contextmanager
    def workers(config: LaunchConfig, machine: Machine, **other: Any) -> Iterator[Pool]:
        bank = str(other["bank"])
        setup = WorkerSetup(config=config.train, bank=bank, device="cpu", depot=other["depot"])
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

    clock = JumpingClock()
    modules: tuple[Any, Any] = (launching, session)
    modules[0].ray_workers = workers
    modules[1].Driver, modules[1].Ledger = functools.partial(Driver, clock=clock), NotingLedger
    NotingLedger.folder = options.folder
    acquire: Any = Lease.acquire
    acquire.__func__.__kwdefaults__.update(
        wait=options.wait, time_to_live=TIME_TO_LIVE, renew_seconds=RENEW_SECONDS
    )
    return begun
