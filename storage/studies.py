"""Studies: what each depends on, which is stored once, and the few fields that change."""

import datetime
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, Update, case, delete, func, select, true, update
from sqlalchemy.dialects import postgresql

from storage.errors import NameTaken, StudyNameError, UnknownStudy
from storage.models import LeaseHistoryRow, StudyRow
from storage.transaction import transaction

__all__ = [
    "LONGEST_NAME",
    "NewStudy",
    "StudyRecord",
    "check_name",
    "clear_stop",
    "create_study",
    "delete_rows",
    "get_study",
    "list_studies",
    "mark_finished",
    "next_name",
    "raise_target",
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
    #: Target number of finished trials.
    trials: int
    #: Versions of the packages with which it was created.
    versions: Mapping[str, Any]
    #: Revision of the code; None if unknown.
    revision: str | None = None
    #: Fingerprints of data and weights.
    fingerprints: Mapping[str, Any]
    #: Number of trials in flight: trial n is sampled when exactly n - lag trials have ended.
    lag: int


@dataclass(frozen=True, kw_only=True)
class StudyRecord(NewStudy):
    """A stored study."""

    #: Its name.
    name: str
    #: When it was created, by the server's clock.
    created_at: datetime.datetime
    #: Whether somebody asked its driver to stop.
    stop_requested: bool
    #: When the search ended and its best trial was scored, by the server's clock; None before.
    finished_at: datetime.datetime | None

    @classmethod
    def from_row(cls, row: Row[Any]) -> "StudyRecord":
        """From a row of the table."""
        return cls(**row._asdict())


def check_name(name: str) -> str:
    """Return the name if it is allowed.

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
    """Store a study under a new name; of several concurrent attempts, one succeeds.

    Raises:
        StudyNameError: If the name is not allowed.
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
            f"there is already a study {name!r}: give --study another name, or continue it with"
            " resume"
        )
    return StudyRecord.from_row(row)


def next_name(bind: Engine | Connection, title: str, *, besides: Collection[str] = ()) -> str:
    """``TITLE-N``, with N one more than the largest in use.

    Another process may take the name before the caller does.

    Args:
        bind: Engine or connection.
        title: What names begin with: that of a preset, a file or a folder.
        besides: Other names that are in use.
    """
    prefix = f"{title}-"
    query = select(StudyRow.name).where(StudyRow.name.startswith(prefix, autoescape=True))
    with transaction(bind) as connection:
        names = [*connection.scalars(query), *besides]
    endings = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
    numbers = [int(text) for text in endings if text.isascii() and text.isdigit()]
    return f"{prefix}{max(numbers, default=0) + 1}"


def get_study(bind: Engine | Connection, name: str) -> StudyRecord:
    """The study with the given name.

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
    """Change the target number of finished trials; a finished study becomes unfinished.

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
    """Withdraw the request to stop.

    Raises:
        UnknownStudy: If there is no such study.
    """
    _change(bind, name, _of(name).values(stop_requested=False))


def raise_target(bind: Engine | Connection, name: str, trials: int) -> bool:
    """Raise the target of a study that is not finished; its driver notices.

    Returns:
        Whether it was raised; if not, the study is finished, or its target is not lower.
    """
    statement = _of(name).where(StudyRow.finished_at.is_(None), StudyRow.trials < trials)
    with transaction(bind) as connection:
        changed = connection.execute(statement.values(trials=trials).returning(StudyRow.name))
        return changed.one_or_none() is not None


def mark_finished(bind: Engine | Connection, name: str, *, trials: int | None = None) -> None:
    """Store when the study was finished, unless that is already stored.

    Args:
        bind: Engine or connection.
        name: Name of the study.
        trials: How many trials are finished. A study whose target is higher by now stays
            unfinished. None for any number.

    Raises:
        UnknownStudy: If there is no such study.
    """
    is_reached = true() if trials is None else StudyRow.trials <= trials
    now = case((is_reached, func.clock_timestamp()))
    finished_at = func.coalesce(StudyRow.finished_at, now)
    _change(bind, name, _of(name).values(finished_at=finished_at))


def delete_rows(connection: Connection, name: str) -> None:
    """Delete the rows of a study in our tables, with its reports.

    The row of its lease stays, so that epochs continue from there: a frozen driver of this study
    can never write to a later study of the same name.

    Raises:
        UnknownStudy: If there is no such study.
    """
    statement = delete(StudyRow).where(StudyRow.name == name).returning(StudyRow.name)
    if connection.execute(statement).one_or_none() is None:
        raise _unknown(name)
    connection.execute(delete(LeaseHistoryRow).where(LeaseHistoryRow.study == name))


def _of(name: str) -> Update:
    return update(StudyRow).where(StudyRow.name == name)


def _change(bind: Engine | Connection, name: str, statement: Update) -> None:
    _check_storable(name)
    with transaction(bind) as connection:
        changed = connection.execute(statement.returning(StudyRow.name)).one_or_none()
    if changed is None:
        raise _unknown(name)


def _check_storable(name: str) -> None:
    """Refuse a name that PostgreSQL cannot represent, so that no study can have it.

    Raises:
        UnknownStudy: If the name is such a one.
    """
    if any(unicodedata.category(character) == "Cs" or not ord(character) for character in name):
        raise _unknown(name)


def _unknown(name: str) -> UnknownStudy:
    shown = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
    return UnknownStudy(f"there is no study {shown!r}: `python -m search list` shows all studies")
