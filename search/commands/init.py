"""``init``: a first description of your own images."""

from pathlib import Path
from typing import Annotated

import typer

from search.commands.ending import one_line_errors
from search.commands.options import path_option
from trainer.config.paths import user_path

__all__ = ["init"]

FAULTY = 1  # exit code: it was written, but training would fail


@one_line_errors
def init(
    folder: Annotated[
        Path, typer.Argument(help="Folder with your images.", parser=user_path, metavar="FOLDER")
    ],
    *,
    out: Annotated[
        Path | None, path_option("File to write; default dataset.toml in the folder.", "FILE")
    ] = None,
    printed: Annotated[
        bool, typer.Option("--print", help="Print the description and write nothing.")
    ] = False,
) -> None:
    """Look at a folder of images and write its dataset.toml, which launch reads."""
    from trainer.commands.init import describe_folder

    def say(line: str) -> None:
        typer.echo(line, err=printed)

    if not describe_folder(folder, out=out, printed=printed, say=say):
        raise typer.Exit(FAULTY)
