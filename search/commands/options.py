"""Single flags and arguments that several commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer

from search.commands.ending import BAD_INPUT
from trainer.config.paths import user_path

__all__ = [
    "DB_PATIENCE_SECONDS",
    "FileToReadArgument",
    "FileToWriteArgument",
    "JsonOption",
    "NameArgument",
    "PatienceOption",
    "PlainOption",
    "path_option",
]


def path_option(help_: str, metavar: str = "FOLDER") -> Any:
    """A flag that takes a path; expands ``~``, which shells do not do after ``=``."""
    return typer.Option(help=help_, parser=user_path, metavar=metavar)


FileToReadArgument = Annotated[
    Path,
    typer.Argument(help="File written by export-study.", parser=user_path, metavar="FILE"),
]
FileToWriteArgument = Annotated[
    Path,
    typer.Argument(help="File to write; it must not exist.", parser=user_path, metavar="FILE"),
]


def _named(value: str | None) -> str | None:
    """Refuse an empty name, such as that of a variable that is not set: it is not the last study.

    Raises:
        typer.Exit: If it is empty.
    """
    if value == "":
        typer.echo("error: the study's name is empty: give one, or leave it out", err=True)
        raise typer.Exit(BAD_INPUT)
    return value


NameArgument = Annotated[
    str | None,
    typer.Argument(help="Name of the study. Default: the last one.", callback=_named),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
PlainOption = Annotated[
    bool | None,
    typer.Option(
        "--plain/--live", help="Print lines, or a live view. Default: live in a terminal."
    ),
]
PatienceOption = Annotated[
    float,
    typer.Option(
        metavar="SECONDS", help="How long to wait for the database or Ray's head to come back."
    ),
]
#: Seconds that a command waits for the database by default.
DB_PATIENCE_SECONDS = 600.0
