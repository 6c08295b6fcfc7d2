"""``report``: write one page about a study, or about several side by side."""

import datetime
import json
from pathlib import Path
from typing import Annotated

import typer

from search.commands.ending import one_line_errors, say_next
from search.commands.grouping import with_groups
from search.commands.options import JsonOption, path_option
from search.commands.storage_flags import StorageFlags
from search.reporting import reading
from search.reporting.trial_pictures import read_pictures
from trainer.figures.installed import require_matplotlib

__all__ = ["report"]


@one_line_errors
@with_groups
def report(
    *,
    studies: Annotated[
        list[str] | None,
        typer.Argument(help="Names of the studies. Default: the last one.", metavar="STUDY"),
    ] = None,
    out: Annotated[Path | None, path_option("Folder to write to. Default: report-STUDY.")] = None,
    storage: StorageFlags,
    as_json: JsonOption = False,
) -> None:
    """Write an HTML page: health checks, charts, best trials, settings. Needs no network."""
    from search.reporting.health import examine, health_json  # lazily: commands start quickly

    with storage.opened() as database:
        names = list(dict.fromkeys(studies or [reading.last_study(database)]))
        found = [reading.read_details(database, name) for name in names]
    if as_json:
        health = {each.view.name: health_json(examine(each)) for each in found}
        typer.echo(json.dumps(health, indent=1))
        return
    require_matplotlib()
    from search.reporting.html.report import write_report  # lazily: it imports Matplotlib

    folder = out or Path(f"report-{'-'.join(names)}".replace("/", "_"))
    pictures = {}
    for details in found:
        if details.view.best is not None:
            pictures[details.view.name], lines = read_pictures(details, details.view.best)
            for line in lines:
                typer.echo(f"note: {line}", err=True)
    now = datetime.datetime.now(datetime.UTC)
    written = write_report(found, folder, now=now, pictures=pictures)
    for name, checks in written.health.items():
        levels = [finding.level for _, finding in checks]
        counts = ", ".join(f"{levels.count(level)} {level}" for level in ("FAIL", "WARN", "PASS"))
        typer.echo(f"study {name}: {counts}")
    typer.echo(f"report: {written.page}")
    say_next(found[-1].view.command("next"))
