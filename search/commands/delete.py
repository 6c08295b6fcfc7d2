"""``delete``: delete a study with its checkpoints and artifacts."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.commands.ending import STOPPED, one_line_errors, say_next
from search.commands.grouping import with_groups
from search.commands.options import path_option
from search.commands.quiet import quiet_optuna
from search.commands.storage_flags import StorageFlags
from search.errors import SettingsError
from search.reporting import reading
from search.reporting.digest import counts_text
from search.reporting.study_view import StudyView
from storage.errors import LeaseHeld
from trainer.console.shell import search_command, shell_text

if TYPE_CHECKING:
    from search.launch.deleting import Belongings

__all__ = ["delete"]


@one_line_errors
@with_groups
def delete(
    *,
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    yes: Annotated[bool, typer.Option("--yes", help="Delete it without asking.")] = False,
    storage: StorageFlags,
    checkpoints: Annotated[Path | None, path_option("Folder of the checkpoints.")] = None,
    artifacts: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|s3://BUCKET/PREFIX",
            help="Where its artifacts are. Default: where the study stores them.",
        ),
    ] = None,
) -> None:
    """Delete a study with its trials, reports, checkpoints and artifacts. Asks first."""
    from search.checkpoints.folders import default_checkpoint_root
    from search.launch.deleting import delete_study, find_belongings

    quiet_optuna()
    with storage.opened() as database:
        view = reading.read_study(database, study)
        _refuse_driven(view)
        root = (checkpoints or default_checkpoint_root()).resolve()
        found = find_belongings(database, view, checkpoints=root, artifacts=artifacts)
        typer.echo(f"study {study} in {database.address.masked()}: {counts_text(view)}")
        if found.checkpoints is not None:
            typer.echo(f"checkpoints: {found.checkpoints}")
        for line in _artifact_lines(found):
            typer.echo(line)
        if not yes and not _confirmed(view):
            typer.echo("nothing was deleted")
            raise typer.Exit(STOPPED)
        for line in delete_study(database, found):
            typer.echo(f"note: {line}", err=True)
        typer.echo(f"study {study} deleted")
        say_next(shell_text(search_command("list", *database.address.flags())))


def _artifact_lines(found: "Belongings") -> Iterator[str]:
    """Which artifacts will be deleted, and which stay."""
    count, places = len(found.artifacts), " and ".join(found.places)
    if found.place is not None:
        more = f", and {count} more in {places}" if count else ""
        yield f"artifacts: {found.place}/{found.prefix}{more}"
    elif count and places:
        yield f"pictures: {count} in {places}"
    elif count:
        yield f"{count} artifacts stay where they are: --artifacts deletes them"


def _refuse_driven(view: StudyView) -> None:
    """Refuse a study that a process drives.

    Raises:
        LeaseHeld: If one does.
    """
    if view.driver is not None:
        raise LeaseHeld(
            f"study {view.name!r} is {view.driver}, so it was not deleted:"
            f" `{view.command('stop')}` stops it"
        )


def _confirmed(view: StudyView) -> bool:
    """Ask whether to delete the study.

    Raises:
        SettingsError: If there is nobody to answer.
    """
    try:
        return typer.confirm("delete all of this for good?")
    except (typer.Abort, RuntimeError) as error:  # the latter without a standard input
        raise SettingsError(
            f"nothing was deleted, since nobody answered: `{view.command('export')} FILE.jsonl`"
            " keeps a copy, --yes deletes without asking"
        ) from error
