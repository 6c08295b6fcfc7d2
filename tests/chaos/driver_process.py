"""A driver in a process that may be killed anywhere: the real launch, on a pool of processes.

Everything but Ray is the product's: settings, the study's creation, the lease, the fence, the
write queue, the trainer in the workers, signals. Run in a child of a fork server that has
imported it all, so that a start takes no seconds.
"""

import contextlib
import functools
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import optuna
from rich.console import Console

from search.checkpoints.artifact_store import ArtifactCheckpointPlace
from search.config.configuration import LaunchConfig, resolve_layers
from search.driver.driver import Ending
from search.driver.parts import LeaseTimes, Parts
from search.errors import SearchError
from search.launch.launching import launch
from search.launch.output import Output
from search.launch.request import Launch
from search.machine.reservations import SharingPolicy
from search.machine.resources import Machine
from search.machine.run_options import Paths, RunOptions
from search.progress.progress import open_progress
from search.workers.picture_maker import PicturePlace
from search.workers.pool import Pool
from search.workers.worker import WorkerSetup
from storage.address import parse_address
from storage.database import open_database
from storage.errors import DatabaseUnreachable, LeaseHeld, LeaseLost, StorageError
from tests.chaos.clock import JumpingClock
from tests.chaos.driver_options import DRIVEN_ELSEWHERE, LOG_FILE, REFUSED, STOPPED, DriverOptions
from tests.chaos.failing_statements import fail_statements
from tests.chaos.noting_study_store import NotingStudyStore
from tests.chaos.process_pool import ProcessPool
from tests.chaos.worker_forker import WorkerForker
from tests.chaos.worker_process import WorkerOptions, serve
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
    forker = WorkerForker(serve)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    begun: list[bool] = []
    parts = _parts(options, forker, begun)
    if options.failing_every is not None:
        fail_statements(options.failing_every, done=options.statements_done)
    try:
        with open_database(parse_address(options.address)) as database:
            result = launch(
                _request(options),
                database,
                Output(
                    say=_say,
                    open_progress=lambda: open_progress(Console(width=500), plain=True),
                    open_preparing=lambda: contextlib.nullcontext(lambda what, done, total: None),
                ),
                parts,
            )
            return 0 if result.ending is Ending.FINISHED else STOPPED
    except (LeaseHeld, LeaseLost) as error:
        return _print_error(error, DRIVEN_ELSEWHERE)
    except DatabaseUnreachable as error:
        return _print_error(error, STOPPED if begun else REFUSED)
    except (StorageError, SearchError) as error:
        return _print_error(error, REFUSED if not begun else 1)
    finally:
        forker.close()


def _say(text: str) -> None:
    print(text, flush=True)


def _print_error(error: Exception, code: int) -> int:
    _say(f"error: {type(error).__name__}: {error}")
    return code


def _request(options: DriverOptions) -> Launch:
    layers = read_layers("rooms", None, options.tables())
    return Launch(
        study=options.study,
        layers=layers,
        config=resolve_layers(layers),
        options=RunOptions(
            machine=Machine(device="cpu", workers=options.workers, slots=options.slots),
            paths=Paths(
                cache=options.cache, checkpoints=options.checkpoints, artifacts=options.artifacts
            ),
            sharing=SharingPolicy(oversubscribe=True),
            patience=PATIENCE_SECONDS,
        ),
    )


def _parts(options: DriverOptions, forker: WorkerForker, begun: list[bool]) -> Parts:
    """The suite's own workers, a clock that jumps, notes of stored entries, a short lease.

    Args:
        options: How to drive.
        forker: Where the workers come from.
        begun: Gets an entry once driving begins.
    """

    @contextlib.contextmanager
    def open_workers(
        config: LaunchConfig,
        run: RunOptions,
        /,
        *,
        feature_cache: Path,
        artifact_store: ArtifactCheckpointPlace | None,
        pictures: PicturePlace | None,
        **other: object,
    ) -> Iterator[Pool]:
        setup = WorkerSetup(
            config=config.train,
            feature_cache=str(feature_cache),
            device="cpu",
            slots=run.machine.slots,
            artifact_store=artifact_store,
            pictures=pictures,
        )
        begun.append(True)
        yield ProcessPool(
            forker,
            WorkerOptions(
                setup=None if options.trivial else setup,
                folder=options.folder,
                slots=run.machine.slots,
                broken=options.broken,
                stumbling=options.stumbling,
                held_from=options.held_from,
            ),
            count=run.machine.workers,
        )

    return Parts(
        open_workers=open_workers,
        study_store=functools.partial(NotingStudyStore, folder=options.folder),
        clock=JumpingClock(),
        lease=LeaseTimes(
            wait=options.wait, time_to_live=TIME_TO_LIVE, renew_seconds=RENEW_SECONDS
        ),
    )
