"""``export-study``: write a study to a file."""

from pathlib import Path
from typing import Annotated

import typer

from search.commands.ending import one_line_errors, say_next
from search.commands.grouping import with_groups
from search.commands.options import FileToWriteArgument
from search.commands.picture_lines import picture_lines
from search.commands.quiet import quiet_optuna
from search.commands.storage_flags import StorageFlags
from trainer.console.shell import search_command, shell_text

__all__ = ["export_study", "import_elsewhere"]


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
    say_next(import_elsewhere(file))


def import_elsewhere(file: Path) -> str:
    """The command that reads a study from a file into a new database beside the file."""
    place = ("--storage", f"embedded:{file.with_suffix('')}-database")
    return shell_text(search_command("import-study", str(file), *place))
