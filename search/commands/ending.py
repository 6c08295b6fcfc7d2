"""How a command ends: its exit code, and the one line of an error that a user can fix."""

import functools
from collections.abc import Callable
from typing import Never

import typer

from search.errors import ClusterUnreachable, FailureBudget, Interrupted, SearchError
from storage.errors import DatabaseUnreachable, LeaseHeld, LeaseLost, StorageError
from trainer.errors import TrainerError

__all__ = ["BAD_INPUT", "DRIVEN_ELSEWHERE", "STOPPED", "exit_stopped", "one_line_errors"]

#: Exit codes beside 0: what was given is wrong; another process drives; stopped before the end.
BAD_INPUT, DRIVEN_ELSEWHERE, STOPPED = 2, 3, 4


def one_line_errors(command: Callable[..., None]) -> Callable[..., None]:
    """End a command with one line where a user can fix the error; others keep their traceback."""

    @functools.wraps(command)
    def run(**values: object) -> None:
        try:
            command(**values)
        except (LeaseHeld, LeaseLost) as error:
            _fail(error, DRIVEN_ELSEWHERE)
        except (FailureBudget, Interrupted, DatabaseUnreachable, ClusterUnreachable) as error:
            _fail(error, STOPPED)
        except (SearchError, StorageError, TrainerError) as error:
            _fail(error, BAD_INPUT)

    return run


def exit_stopped(*, finished: bool) -> None:
    """End with the code of a search that stopped before its target, unless it reached it."""
    if not finished:
        raise typer.Exit(STOPPED)


def _fail(error: Exception, code: int) -> Never:
    typer.echo(f"error: {error}", err=True)
    raise typer.Exit(code) from None
