"""Outages are distinguished from errors of this program."""

from collections.abc import Callable

import pytest
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
)

from storage.errors import DatabaseUnreachable, LeaseLost, NotPermitted
from storage.outage import is_outage, translated


class DriverError(Exception):
    def __init__(self, text: str, pgcode: str | None) -> None:
        super().__init__(text)
        self.pgcode = pgcode


def error(kind: type[DBAPIError], pgcode: str | None, *, invalidated: bool = False) -> DBAPIError:
    cause = DriverError("server closed the connection\nprobably", pgcode)
    made = kind("SELECT 1", {}, cause)
    made.connection_invalidated = invalidated
    return made


@pytest.mark.parametrize(
    "away",
    [
        error(OperationalError, None),
        error(InterfaceError, None),
        error(OperationalError, "57P01"),  # the server is being shut down
        error(OperationalError, "57P03"),  # it is starting
        error(OperationalError, "08006"),
        error(OperationalError, "53100"),  # disk full
        error(OperationalError, "53300"),  # too many connections
        error(OperationalError, "40P01"),  # deadlock
        error(OperationalError, "55P03"),  # a lock was not available
        error(InternalError, "25P03", invalidated=True),  # silent for too long
        DatabaseUnreachable("gone"),
    ],
)
def test_an_outage_is_one(away: BaseException) -> None:
    assert is_outage(away)


@pytest.mark.parametrize(
    "ours",
    [
        error(ProgrammingError, "42P01"),  # no such table
        error(IntegrityError, "23505"),
        error(DataError, "22001"),
        LeaseLost("taken"),
        ValueError("wrong"),
        None,
    ],
)
def test_an_error_of_this_program_is_not_an_outage(ours: BaseException | None) -> None:
    assert not is_outage(ours)


def wrapped(cause: BaseException) -> RuntimeError:
    try:
        raise RuntimeError("an exception is raised during the commit") from cause
    except RuntimeError as error:
        return error


def test_wrapped_errors_are_looked_into() -> None:
    assert is_outage(wrapped(error(OperationalError, None)))
    assert not is_outage(wrapped(error(IntegrityError, "23505")))
    assert not is_outage(wrapped(LeaseLost("taken")))


def test_an_outage_is_translated_into_one_line() -> None:
    cause = wrapped(error(OperationalError, None))
    with pytest.raises(DatabaseUnreachable) as caught, translated():
        raise cause
    assert str(caught.value) == "the database is unreachable: server closed the connection"
    assert caught.value.__cause__ is cause


@pytest.mark.parametrize(
    ("state", "fix"), [("42501", "roles` creates roles"), ("25006", "a server that takes writes")]
)
@pytest.mark.parametrize("wrap", [wrapped, lambda cause: cause])
def test_a_want_of_rights_is_translated_into_one_line(
    state: str, fix: str, wrap: Callable[[BaseException], BaseException]
) -> None:
    with pytest.raises(NotPermitted, match=r"\A[^\n]*may not do this \(server closed") as caught:
        with translated():
            raise wrap(error(ProgrammingError, state))
    assert "the driver's role" in str(caught.value) and fix in str(caught.value)


@pytest.mark.parametrize(
    "passing", [LeaseLost("taken"), KeyError("x"), DatabaseUnreachable("gone")]
)
def test_other_errors_pass_unchanged(passing: Exception) -> None:
    with pytest.raises(type(passing)) as caught, translated():
        raise passing
    assert caught.value is passing
