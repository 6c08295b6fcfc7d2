"""A driver on a host: a search without Ray and the real trainer, slowed down."""

import contextlib
import ctypes
import os
import time
from pathlib import Path

from search.records.messages import Order
from storage.address import parse_address
from storage.database import open_database
from storage.errors import LeaseLost
from storage.lease import Lease
from tests.fakes.pool import InlinePool
from tests.fakes.search_process import STUDY, claim, session_of
from tests.fakes.store import SilentProgress
from tests.fakes.training import FakeWorker

__all__ = ["LOST", "drive_on_host"]

LOST = 3  # exit code of a driver that was taken over from
TIME_TO_LIVE = 6.0  # seconds without renewal after which the lease is free
ORDER_SECONDS = 0.03
PATIENCE = 60.0


def drive_on_host(
    pid: int, address: str, password_file: Path, checkpoints: Path, trials: int, wait: float
) -> None:
    """Enter a host, wait for the lease, and drive the study to its end.

    Args:
        pid: Of the host's first process.
        address: Of the database, as the host calls it.
        password_file: Whose first line is the password.
        checkpoints: Folder of the checkpoints.
        trials: Of the study, which is made if it is not there.
        wait: Seconds to wait for the lease.
    """
    _go_to(pid)
    with open_database(parse_address(address, password_file=password_file)) as database:
        claim(database, trials, 1)
        lease = Lease.acquire(
            database, STUDY, wait=wait,
            time_to_live=TIME_TO_LIVE, renew_seconds=TIME_TO_LIVE / 6,
        )  # fmt: skip
        with lease:
            session = session_of(database, lease, checkpoints, patience=PATIENCE)
            with contextlib.closing(session):
                try:
                    session.drive(InlinePool(1, _slow), SilentProgress())
                except LeaseLost:
                    os._exit(LOST)


def _slow(worker: str, order: Order, hosted: FakeWorker) -> None:
    time.sleep(ORDER_SECONDS)


def _go_to(pid: int) -> None:
    """Enter the network and the name of a host."""
    system = ctypes.CDLL(None, use_errno=True)
    for namespace in ("net", "uts"):
        with open(f"/proc/{pid}/ns/{namespace}") as file:
            if system.setns(file.fileno(), 0) != 0:
                raise OSError(ctypes.get_errno(), f"cannot enter the {namespace} of {pid}")
