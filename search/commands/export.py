"""``export``: write a study to a file for other programs."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from search.commands.ending import one_line_errors, say_next
from search.commands.export_study import import_elsewhere
from search.commands.grouping import with_groups
from search.commands.picture_lines import artifact_folder, picture_lines
from search.commands.quiet import quiet_optuna
from search.commands.storage_flags import StorageFlags
from search.errors import SettingsError
from search.reporting import reading
from search.transfer.new_file import new_file
from storage.database import Database
from trainer.config.paths import user_path
from trainer.console.shell import shell_text

__all__ = ["export"]

#: Format to what it holds.
FORMATS = {
    "db": "SQLite for Optuna and its dashboard",
    "jsonl": "everything, for import-study",
    "csv": "one line per trial",
    "json": "trials and reports",
}
STANDARD_OUTPUT = Path("-")
#: The formats that can be printed.
TEXTS = ("csv", "json")
CHOICES = "; ".join(f"{name}: {what}" for name, what in FORMATS.items())


@one_line_errors
@with_groups
def export(
    *,
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    file: Annotated[
        Path | None,
        typer.Argument(
            help="File to write; it must not exist. Without one, or with -, csv and json are"
            " printed.",
            parser=user_path,
            metavar="[FILE]",
        ),
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option("--format", help=f"{CHOICES}. Default: the file's extension."),
    ] = None,
    storage: StorageFlags,
) -> None:
    """Export a study as SQLite, CSV or JSON, even while a process drives it."""
    file = None if file == STANDARD_OUTPUT else file
    chosen = _chosen(file, format_)
    attributes: Mapping[str, Any] = {}
    with storage.opened() as database:
        if chosen in TEXTS:
            text = _text(database, study, chosen)
            if file is None:
                sys.stdout.write(text)
                return
            _write(file, text)
        else:
            assert file is not None
            attributes = _export(database, study, file, chosen)
    typer.echo(f"study {study} exported to {file} ({FORMATS[chosen]})")
    for line in picture_lines(attributes):
        typer.echo(line)
    say_next(_next(file, chosen, attributes))


def _next(file: Path, chosen: str, attributes: Mapping[str, Any]) -> str:
    """What opens the file."""
    match chosen:
        case "db":
            return shell_text(
                ("optuna-dashboard", f"sqlite:///{file}", *artifact_folder(attributes))
            )
        case "jsonl":
            return import_elsewhere(file)
        case _:
            return shell_text(("less", str(file)))


def _chosen(file: Path | None, given: str | None) -> str:
    """The format.

    Raises:
        SettingsError: If it is unknown, or needs a file.
    """
    chosen = given or ("" if file is None else file.suffix.removeprefix("."))
    if chosen not in FORMATS:
        raise SettingsError(
            f"unknown format {chosen!r}: give --format, or a file with the extension,"
            f" {', '.join(FORMATS)}"
        )
    if file is None and chosen not in TEXTS:
        raise SettingsError(f"--format {chosen} is not text: give a file to write, too")
    return chosen


def _text(database: Database, study: str, chosen: str) -> str:
    from search.reporting.as_csv import trials_csv  # lazily: commands start quickly
    from search.reporting.as_json import results_json

    details = reading.read_details(database, study)
    if chosen == "csv":
        return trials_csv(details)
    return json.dumps(results_json(details), indent=1) + "\n"


def _write(file: Path, text: str) -> None:
    with new_file(file) as partial:
        partial.write_text(text, encoding="utf-8")


def _export(database: Database, study: str, file: Path, chosen: str) -> Mapping[str, Any]:
    """Write the file; returns the system attributes of the study."""
    from search.transfer import moving, optuna_copies  # lazily: they import Optuna

    quiet_optuna()
    if chosen == "db":
        content = optuna_copies.export_sqlite(database, study, file)
    else:
        content = moving.export_study(database, study, file)
    return {} if content.optuna is None else content.optuna.system_attrs
