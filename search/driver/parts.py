"""The replaceable parts of a search: tests substitute their own."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from search.checkpoints.artifact_store import ArtifactCheckpointPlace
from search.config.configuration import LaunchConfig
from search.driver.study_store import StudyStore
from search.machine.run_options import RunOptions
from search.workers.picture_maker import PicturePlace
from search.workers.pool import Pool
from search.workers.ray_workers import ray_workers
from storage.database import Database
from storage.lease import RENEW_SECONDS, TIME_TO_LIVE, Lease

__all__ = ["STANDARD_PARTS", "LeaseTimes", "OpenWorkers", "Parts"]


class OpenWorkers(Protocol):
    """Starts the workers of a search and stops them."""

    def __call__(
        self,
        config: LaunchConfig,
        options: RunOptions,
        /,
        *,
        feature_cache: Path,
        artifact_store: ArtifactCheckpointPlace | None,
        pictures: PicturePlace | None,
        stopped: Callable[[], bool],
        say: Callable[[str], None],
    ) -> AbstractContextManager[Pool]:
        """The workers' pool; the workers stop when the ``with`` block ends."""


@dataclass(frozen=True, kw_only=True)
class LeaseTimes:
    """How long a driver waits for a study's lease, and how often it renews it."""

    #: Seconds to wait for a lease that another process holds.
    wait: float = 0.0
    #: Seconds without renewal after which another process's lease expires.
    time_to_live: float = TIME_TO_LIVE
    #: Seconds between two renewals.
    renew_seconds: float = RENEW_SECONDS

    def acquire(self, database: Database, study: str) -> Lease:
        """Take the lease of a study.

        Raises:
            LeaseHeld: If another process holds it.
            DatabaseUnreachable: If the connection to the database breaks.
        """
        return Lease.acquire(
            database,
            study,
            wait=self.wait,
            time_to_live=self.time_to_live,
            renew_seconds=self.renew_seconds,
        )


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The parts of a search; the defaults are used outside tests."""

    #: Opens the pool of workers.
    open_workers: OpenWorkers = ray_workers
    #: Creates the study store; takes the arguments of :class:`StudyStore`.
    study_store: Callable[..., StudyStore] = StudyStore
    #: Monotonic seconds.
    clock: Callable[[], float] = time.monotonic
    lease: LeaseTimes = field(default_factory=LeaseTimes)


STANDARD_PARTS = Parts()
