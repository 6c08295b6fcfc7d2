"""Attempts: which process, under which epoch, trained a trial into which folder.

Checkpoints of a killed driver's workers may still be written for seconds; which folder
is valid is decided here, by the newest attempt, and not by what lies on a disk.
"""

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Row, select
from sqlalchemy.dialects import postgresql

from storage.models import AttemptRow
from storage.transaction import transaction

__all__ = ["AttemptRecord", "attempts_of", "record_attempt"]


@dataclass(frozen=True, kw_only=True)
class AttemptRecord:
    """One attempt at a trial."""

    #: Number of the trial.
    trial: int
    #: Number of the attempt; grows with every retry.
    attempt: int
    #: Epoch of the lease under which it began; grows with every driver.
    epoch: int
    #: Host that trained it.
    host: str
    #: Folder of its checkpoints.
    folder: Path
    #: When it began, server's clock.
    started_at: datetime.datetime

    @classmethod
    def from_row(cls, row: Row[Any]) -> "AttemptRecord":
        """From a row of the table."""
        values = row._asdict()
        del values["study"]
        return cls(**{**values, "folder": Path(values["folder"])})


def record_attempt(
    bind: Engine | Connection,
    *,
    study: str,
    trial: int,
    attempt: int,
    epoch: int,
    host: str,
    folder: Path,
) -> None:
    """Store an attempt before it begins; one that is stored already stays as it is."""
    values = {"study": study, "trial": trial, "attempt": attempt, "epoch": epoch, "host": host}
    statement = postgresql.insert(AttemptRow).values(**values, folder=str(folder))
    with transaction(bind) as connection:
        connection.execute(statement.on_conflict_do_nothing())


def attempts_of(bind: Engine | Connection, *, study: str, trial: int) -> tuple[AttemptRecord, ...]:
    """The attempts at a trial, newest last: by epoch, then by number."""
    query = (
        select(AttemptRow.__table__)
        .where(AttemptRow.study == study, AttemptRow.trial == trial)
        .order_by(AttemptRow.epoch, AttemptRow.attempt)
    )
    with transaction(bind) as connection:
        return tuple(AttemptRecord.from_row(row) for row in connection.execute(query))
