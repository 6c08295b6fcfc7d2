"""Exit codes, and one-line messages for errors that a user can fix."""

import functools
from collections.abc import Callable
from typing import Never

import typer

from search.errors import ClusterUnreachable, FailureBudget, Interrupted, SearchError
from storage.errors import DatabaseUnreachable, LeaseHeld, LeaseLost, StorageError
from trainer.errors import TrainerError

__all__ = ["BAD_INPUT", "DRIVEN_ELSEWHERE", "STOPPED", "exit_stopped", "one_line_errors"]

#: Exit codes besides 0: bad input; another process drives the study; stopped before the target.
BAD_INPUT, DRIVEN_ELSEWHERE, STOPPED = 2, 3, 4


def one_line_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Print errors that a user can fix as one line; all others keep their traceback."""

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
    """Exit with :data:`STOPPED` unless the search reached its target."""
    if not finished:
        raise typer.Exit(STOPPED)


def _fail(error: Exception, code: int) -> Never:
    typer.echo(f"error: {error}", err=True)
    raise typer.Exit(code) from None
