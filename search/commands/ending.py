"""Exit codes, one-line messages for errors that a user can fix, and the command to run next."""

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, Never

import typer

from search.errors import ClusterUnreachable, FailureBudget, Interrupted, SearchError
from storage.address import parse_address
from storage.errors import AddressError, DatabaseUnreachable, LeaseHeld, LeaseLost, StorageError
from trainer.console.shell import shell_text
from trainer.errors import TrainerError

__all__ = [
    "BAD_INPUT",
    "DRIVEN_ELSEWHERE",
    "STOPPED",
    "exit_stopped",
    "one_line_errors",
    "say_next",
    "with_storage",
]

#: Exit codes besides 0: bad input; another process drives the study; stopped before the target.
BAD_INPUT, DRIVEN_ELSEWHERE, STOPPED = 2, 3, 4
#: A command of this program in a message: its verb, and the rest.
PROGRAM = "python -m search"
QUOTED_COMMAND = re.compile(rf"`{PROGRAM} ([a-z-]+)([^`]*)`")
#: The commands that use no database.
WITHOUT_STORAGE = ("init", "schema")


def one_line_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Print errors that a user can fix as one line; all others keep their traceback."""

    @functools.wraps(command)
    def run(**values: Any) -> None:
        try:
            command(**values)
        except (LeaseHeld, LeaseLost) as error:
            _fail(error, DRIVEN_ELSEWHERE, values)
        except (FailureBudget, Interrupted, DatabaseUnreachable, ClusterUnreachable) as error:
            _fail(error, STOPPED, values)
        except (SearchError, StorageError, TrainerError) as error:
            _fail(error, BAD_INPUT, values)

    return run


def exit_stopped(*, finished: bool) -> None:
    """Exit with :data:`STOPPED` unless the search reached its target."""
    if not finished:
        raise typer.Exit(STOPPED)


def say_next(command: str) -> None:
    """Print the command that a user probably wants next.

    Args:
        command: The command, quoted for a shell.
    """
    typer.echo(f"next: {command}")


def with_storage(text: str, flags: tuple[str, ...]) -> str:
    """Add the flags of a database to the commands in a message that name none."""
    if not flags:
        return text

    def extended(found: re.Match[str]) -> str:
        verb, rest = found.groups()
        if verb in WITHOUT_STORAGE or "--storage" in rest:
            return found[0]
        return f"`{PROGRAM} {verb} {shell_text(flags)}{rest}`"

    return QUOTED_COMMAND.sub(extended, text)


def _fail(error: Exception, code: int, values: Mapping[str, Any]) -> Never:
    typer.echo(f"error: {with_storage(str(error), _given_storage(values))}", err=True)
    raise typer.Exit(code) from None


def _given_storage(values: Mapping[str, Any]) -> tuple[str, ...]:
    """The flags of the database that a command was given; none if it cannot be used."""
    if values.get("storage") is None:
        return ()
    try:
        place = parse_address(values["storage"]).masked()
    except AddressError:  # the message is about this
        return ()
    file = values.get("password_file")
    return ("--storage", place, *(() if file is None else ("--password-file", str(file))))
