"""Single flags and arguments that more than one command takes."""

from pathlib import Path
from typing import Annotated, Any

import typer

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
    """A flag that takes a path; ``~`` is expanded, as no shell does after ``=``."""
    return typer.Option(help=help_, parser=user_path, metavar=metavar)


FileToReadArgument = Annotated[
    Path, typer.Argument(help="File that export-study wrote.", parser=user_path, metavar="FILE")
]
FileToWriteArgument = Annotated[
    Path,
    typer.Argument(help="File to write; it must not be there.", parser=user_path, metavar="FILE"),
]
NameArgument = Annotated[str | None, typer.Argument(help="Study; default the last one.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]
PlainOption = Annotated[bool | None, typer.Option("--plain/--live", help="Lines or a live view.")]
PatienceOption = Annotated[
    float, typer.Option(help="Seconds to wait for the database, or Ray's head, to come back.")
]
#: Seconds that a command waits for the database unless it is told otherwise.
DB_PATIENCE_SECONDS = 600.0
