"""Studies: what each depends on, written once, and the little of it that changes."""

import datetime
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, Update, func, select, update
from sqlalchemy.dialects import postgresql

from storage.errors import NameTaken, StudyNameError, UnknownStudy
from storage.models import StudyRow
from storage.transaction import transaction

__all__ = [
    "LONGEST_NAME",
    "NewStudy",
    "StudyRecord",
    "check_name",
    "clear_stop",
    "create_study",
    "get_study",
    "list_studies",
    "mark_finished",
    "next_name",
    "request_stop",
    "set_target",
]

LONGEST_NAME = 200  # characters


@dataclass(frozen=True, kw_only=True)
class NewStudy:
    """Everything that a study depends on. JSON tables keep the order of their keys."""

    #: The whole resolved configuration; finite numbers only.
    config: Mapping[str, Any]
    #: The search space.
    space: Mapping[str, Any]
    #: Seed of every random draw.
    seed: int
    #: Target: trials that the study shall finish.
    trials: int
    #: Versions of the packages that it was created with.
    versions: Mapping[str, Any]
    #: Revision of the code; None if unknown.
    revision: str | None = None
    #: Fingerprints of data and weights.
    fingerprints: Mapping[str, Any]
    #: Trial n is sampled when exactly n - lag trials are finished.
    lag: int


@dataclass(frozen=True, kw_only=True)
class StudyRecord(NewStudy):
    """A study as it is stored."""

    #: Its name.
    name: str
    #: When it was created, server's clock.
    created_at: datetime.datetime
    #: Whether somebody asked its driver to stop.
    stop_requested: bool
    #: When its target was reached and its best trial tested, server's clock; None before.
    finished_at: datetime.datetime | None

    @classmethod
    def from_row(cls, row: Row[Any]) -> "StudyRecord":
        """From a row of the table."""
        return cls(**row._asdict())


def check_name(name: str) -> str:
    """The name itself, if a study may have it.

    Raises:
        StudyNameError: If it is empty, too long, has control characters, or spaces around it.
    """
    if not 1 <= len(name) <= LONGEST_NAME:
        raise StudyNameError(
            f"a study name of {len(name)} characters was given: give 1 to {LONGEST_NAME}"
        )
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        raise StudyNameError(
            f"the study name {name!r} has control characters: give printable ones"
        )
    if name != name.strip():
        raise StudyNameError(f"the study name {name!r} has spaces around it: leave them out")
    return name


def create_study(bind: Engine | Connection, name: str, new: NewStudy) -> StudyRecord:
    """Store a study under a name that no other has; of several at once, one succeeds.

    Raises:
        StudyNameError: If no study may have the name.
        NameTaken: If another study has it.
    """
    check_name(name)
    statement = (
        postgresql.insert(StudyRow)
        .values(name=name, **vars(new))
        .on_conflict_do_nothing()
        .returning(*StudyRow.__table__.columns)
    )
    with transaction(bind) as connection:
        row = connection.execute(statement).one_or_none()
    if row is None:
        raise NameTaken(
            f"there is a study {name!r} already: give --study another name, or continue it with"
            f" resume"
        )
    return StudyRecord.from_row(row)


def next_name(bind: Engine | Connection, preset: str, *, besides: Collection[str] = ()) -> str:
    """``PRESET-N`` with N one more than the largest in use; it may be taken in a moment.

    Args:
        bind: Engine or connection.
        preset: The preset's name.
        besides: Other names that are in use.
    """
    prefix = f"{preset}-"
    query = select(StudyRow.name).where(StudyRow.name.startswith(prefix, autoescape=True))
    with transaction(bind) as connection:
        names = [*connection.scalars(query), *besides]
    endings = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
    numbers = [int(text) for text in endings if text.isascii() and text.isdigit()]
    return f"{prefix}{max(numbers, default=0) + 1}"


def get_study(bind: Engine | Connection, name: str) -> StudyRecord:
    """The study of that name.

    Raises:
        UnknownStudy: If there is none.
    """
    _check_storable(name)
    query = select(StudyRow.__table__).where(StudyRow.name == name)
    with transaction(bind) as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        raise _unknown(name)
    return StudyRecord.from_row(row)


def list_studies(bind: Engine | Connection) -> tuple[StudyRecord, ...]:
    """All studies, oldest first."""
    query = select(StudyRow.__table__).order_by(StudyRow.created_at, StudyRow.name)
    with transaction(bind) as connection:
        return tuple(StudyRecord.from_row(row) for row in connection.execute(query))


def set_target(bind: Engine | Connection, name: str, trials: int) -> None:
    """Change how many trials the study shall finish; a finished one is open again.

    Raises:
        UnknownStudy: If there is no such study.
    """
    _change(bind, name, _of(name).values(trials=trials, finished_at=None))


def request_stop(bind: Engine | Connection, name: str) -> None:
    """Ask the study's driver to stop.

    Raises:
        UnknownStudy: If there is no such study.
    """
    _change(bind, name, _of(name).values(stop_requested=True))


def clear_stop(bind: Engine | Connection, name: str) -> None:
    """Take the request to stop back.

    Raises:
        UnknownStudy: If there is no such study.
    """
    _change(bind, name, _of(name).values(stop_requested=False))


def mark_finished(bind: Engine | Connection, name: str) -> None:
    """Note that the study reached its target; the first time counts.

    Raises:
        UnknownStudy: If there is no such study.
    """
    finished_at = func.coalesce(StudyRow.finished_at, func.clock_timestamp())
    _change(bind, name, _of(name).values(finished_at=finished_at))


def _of(name: str) -> Update:
    return update(StudyRow).where(StudyRow.name == name)


def _change(bind: Engine | Connection, name: str, statement: Update) -> None:
    _check_storable(name)
    with transaction(bind) as connection:
        changed = connection.execute(statement.returning(StudyRow.name)).one_or_none()
    if changed is None:
        raise _unknown(name)


def _check_storable(name: str) -> None:
    """A name that PostgreSQL could not even be asked for is no study's.

    Raises:
        UnknownStudy: If it is such a name.
    """
    if any(unicodedata.category(character) == "Cs" or not ord(character) for character in name):
        raise _unknown(name)


def _unknown(name: str) -> UnknownStudy:
    shown = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
    return UnknownStudy(f"there is no study {shown!r}: the verb list shows those that there are")
