"""``import-study``: read a study from a file of ``export-study``."""

import typer

from search.commands.ending import one_line_errors, say_next
from search.commands.grouping import with_groups
from search.commands.options import FileToReadArgument
from search.commands.quiet import quiet_optuna
from search.commands.storage_flags import StorageFlags
from trainer.console.shell import search_command, shell_text

__all__ = ["import_study"]


@one_line_errors
@with_groups
def import_study(*, file: FileToReadArgument, storage: StorageFlags) -> None:
    """Store an exported study in this database, so that `resume` can continue it."""
    from search.transfer import moving

    quiet_optuna()
    with storage.opened() as database:
        name, content = moving.import_study(database, file)
        address = database.address
    typer.echo(f"study {name}: {len(content.trials)} trials stored in {address.masked()}")
    say_next(shell_text(search_command("status", *address.flags(), study=name)))
