"""``import-trials``: let a search learn from finished trials of other searches."""

from pathlib import Path
from typing import Annotated

import typer

from search.commands.ending import one_line_errors, say_next
from search.commands.grouping import with_groups
from search.commands.quiet import quiet_optuna
from search.commands.storage_flags import StorageFlags
from trainer.config.paths import user_path

__all__ = ["import_trials"]

#: Skipped trials that are named; the others are only counted.
NAMED = 5

FileArgument = Annotated[
    Path,
    typer.Argument(
        help="CSV, JSON or JSON Lines of `export`, a SQLite file of Optuna, or a table of runs"
        " from Weights & Biases.",
        parser=user_path,
        metavar="FILE",
    ),
]
StudyOption = Annotated[str, typer.Option(help="Study that gets the trials.")]
ValueOption = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="Column of the objective in a CSV. Default: value."),
]
FromOption = Annotated[
    str | None,
    typer.Option("--from", metavar="NAME", help="Study in a SQLite file that holds several."),
]


@one_line_errors
@with_groups
def import_trials(
    *,
    file: FileArgument,
    study: StudyOption,
    value: ValueOption = None,
    from_: FromOption = None,
    storage: StorageFlags,
) -> None:
    """Add finished trials to a study: its sampler learns from them, but they do not count."""
    from search.launch import importing
    from search.reporting.digest import more_trials
    from search.reporting.reading import read_study

    quiet_optuna()
    with storage.opened() as database:
        found = importing.import_trials(database, study, file, value=value, source=from_)
        view = read_study(database, study)
    for each in found.skipped[:NAMED]:
        typer.echo(f"{each.place} skipped: {each.reason}")
    if len(found.skipped) > NAMED:
        typer.echo(f"and {len(found.skipped) - NAMED} more")
    typer.echo(
        f"study {study}: {found.added} trials imported from {file}; {found.known} already there,"
        f" {len(found.skipped)} skipped, {found.unfinished} not finished"
    )
    say_next(more_trials(view))
