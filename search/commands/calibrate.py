"""``calibrate``: how well criteria without labels follow the labelled mIoU of a study."""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console

from search.commands.ending import one_line_errors
from search.commands.grouping import with_groups
from search.commands.options import JsonOption, NameArgument
from search.commands.storage_flags import StorageFlags
from search.errors import SettingsError, StudyError
from search.reporting import reading
from search.reporting.csv_text import csv_text

__all__ = ["calibrate"]

FORMATS = ("text", "json", "csv")


@one_line_errors
@with_groups
def calibrate(
    *,
    study: NameArgument = None,
    format_: Annotated[
        str, typer.Option("--format", help="Output format: text, json or csv.")
    ] = "text",
    storage: StorageFlags,
    as_json: JsonOption = False,
) -> None:
    """Compare every criterion with the labelled mIoU of a study's full runs and fresh runs."""
    if format_ not in FORMATS:
        raise SettingsError(f"unknown --format {format_!r}: choose {', '.join(FORMATS)}")
    if as_json and format_ == "csv":
        raise SettingsError("--json and --format csv exclude each other: give one")
    with storage.opened() as database:
        details = reading.read_details(database, study or reading.last_study(database))
    # lazily: they import NumPy and SciPy
    from search.quality.calibration import NotCalibrated
    from search.reporting.calibrating import calibrate_study
    from search.reporting.calibration_text import calibration_json, calibration_table

    name, found = details.view.name, calibrate_study(details)
    if isinstance(found, NotCalibrated):
        raise StudyError(f"study {name!r} cannot be calibrated: {found.reason}")
    if as_json or format_ == "json":
        typer.echo(json.dumps({"study": name, **calibration_json(found)}, indent=1))
    elif format_ == "csv":
        table = calibration_json(found)["criteria"]
        rows = [{"criterion": each, **numbers} for each, numbers in table.items()]
        sys.stdout.write(csv_text([_flat(row) for row in rows]))
    else:
        Console().print(calibration_table(found))


def _flat(row: dict[str, object]) -> dict[str, object]:
    """A column for each number of favourites."""
    regret = row.pop("regret")
    assert isinstance(regret, dict)
    return {**row, **{f"regret_{top}": number for top, number in regret.items()}}
