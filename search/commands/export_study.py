"""``export-study``: write a study to a file."""

from typing import Annotated

import typer

from search.commands.ending import one_line_errors, say_next
from search.commands.grouping import with_groups
from search.commands.options import FileToWriteArgument
from search.commands.picture_lines import picture_lines
from search.commands.quiet import quiet_optuna
from search.commands.storage_flags import StorageFlags
from trainer.console.shell import search_command, shell_text

__all__ = ["export_study"]


@one_line_errors
@with_groups
def export_study(
    *,
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    file: FileToWriteArgument,
    storage: StorageFlags,
) -> None:
    """Write everything that is stored about a study to a file."""
    from search.transfer import moving

    quiet_optuna()
    with storage.opened() as database:
        content = moving.export_study(database, study, file)
    typer.echo(f"study {study}: {len(content.trials)} trials written to {file}")
    for line in picture_lines({} if content.optuna is None else content.optuna.system_attrs):
        typer.echo(line)
    place = ("--storage", "embedded:FOLDER")
    say_next(shell_text(search_command("import-study", str(file), *place)))
