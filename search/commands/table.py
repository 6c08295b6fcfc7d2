"""``table``: compare methods, each tuned by a search of its own."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from search.commands.ending import exit_stopped, one_line_errors, with_storage
from search.commands.flag_groups import DataFlags, RunFlags
from search.commands.grouping import with_groups
from search.commands.names import split_names
from search.commands.options import JsonOption, PlainOption, path_option
from search.commands.storage_flags import StorageFlags
from search.config.assignments import nested
from search.errors import SettingsError
from search.workers.ray_environment import outlive_ray
from storage.address import Address
from storage.database import Database
from trainer.config.paths import user_path
from trainer.console.shell import Command, search_command, shell_text

if TYPE_CHECKING:
    from search.config.comparison_table import ComparisonTable

__all__ = ["table"]

PIPED_WIDTH = 160  # characters of a line that goes to a file, where nothing limits it


@one_line_errors
@with_groups
def table(
    *,
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="TOML file of the table.", parser=user_path, metavar="TABLE")
    ],
    trials: Annotated[
        int | None, typer.Option(help="Trials of each row. Default: those of the file.")
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(help="Fresh runs of each row's best trial. Default: those of the file."),
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Rows to run, separated by commas: a study is called TABLE-ROW. Default: all.",
        ),
    ] = None,
    out: Annotated[
        Path | None, path_option("Folder to write to. Default: table-NAME, after the file.")
    ] = None,
    data: DataFlags,
    storage: StorageFlags,
    run: RunFlags,
    plain: PlainOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show rows, studies and costs, and start nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run or resume the studies of a comparison table, and write it in three formats."""
    if run.standby:
        raise SettingsError(
            "--standby waits for one study, and a table has several: leave it out, and run the"
            " same command again to continue"
        )
    address = storage.address()
    outlive_ray(os.environ)
    from search.config.table_file import read_table  # lazily: it imports Optuna

    flags = nested(data.settings())
    found = read_table(file, trials=trials, seeds=seeds, flags=flags)
    chosen = found if rows is None else found.only(split_names("--rows", rows))
    _check_data(chosen, data)
    if dry_run:
        _print_plan(chosen, address, run, as_json=as_json)
        return
    repeated = _repeated(trials, seeds, rows, out, data)
    again = search_command("table", file, *repeated, *address.flags())
    finished = _run(context, found, chosen, again, address, run, out, plain=plain, as_json=as_json)
    exit_stopped(finished=finished)


def _repeated(
    trials: int | None, seeds: int | None, rows: str | None, out: Path | None, data: DataFlags
) -> list[str]:
    """The flags that decide what the table is, which of its rows run, and where it is written."""
    given = {
        "trials": trials,
        "seeds": seeds,
        "rows": rows,
        "out": out,
        "data": data.data,
        "backbone-weights": data.backbone_weights,
    }
    return [f"--{name}={value}" for name, value in given.items() if value is not None]


def _check_data(found: "ComparisonTable", data: DataFlags) -> None:
    """Refuse one folder for several data sets.

    Raises:
        SettingsError: If --data is given for such a table.
    """
    names = sorted({measured.config.train.data.name for _, measured in found.measured})
    if data.data is not None and len(names) > 1:
        raise SettingsError(
            f"--data names one folder, and the table has rows on {', '.join(names)}: write"
            " data.root in the settings of each row instead"
        )


def _print_plan(
    found: "ComparisonTable", address: Address, run: RunFlags, *, as_json: bool
) -> None:
    from search.commands.run_options import find_run_options
    from search.launch.table_rows import check_table
    from search.planning.table_plan import plan_table
    from search.reporting.comparison_table.plan import plan_text

    def show(text: str) -> None:
        typer.echo(text, err=True)

    check_table(found, show)
    plan = plan_table(found, options=find_run_options(run), address=address, show=show)
    if as_json:
        typer.echo(json.dumps(plan.to_json(), indent=1))
    else:
        _wide_console().print(plan_text(plan), crop=False)


def _run(
    context: typer.Context,
    found: "ComparisonTable",
    chosen: "ComparisonTable",
    again: Command,
    address: Address,
    run: RunFlags,
    out: Path | None,
    *,
    plain: bool | None,
    as_json: bool,
) -> bool:
    """Run the chosen rows and write the whole table.

    Returns:
        False if it was stopped before its end.
    """
    from search.commands.naming_progress import NamingProgress
    from search.commands.quiet import quiet_optuna
    from search.commands.run_options import find_run_options
    from search.driver.parts import STANDARD_PARTS
    from search.launch.output import Output
    from search.launch.table_rows import TableRun, check_table
    from search.progress.progress import open_progress
    from search.reporting.comparison_table.as_records import table_json
    from search.reporting.comparison_table.as_terminal import table_text
    from search.reporting.comparison_table.table_view import read_table_view
    from search.reporting.comparison_table.writing import write_table
    from storage.database import open_database
    from trainer.console.progress import progress_on

    flags = address.flags()

    def say(text: str) -> None:
        typer.echo(with_storage(text, flags), err=as_json)

    check_table(chosen, say)
    options = find_run_options(run)
    quiet_optuna()
    console = Console(stderr=as_json)
    folder = out or Path(f"table-{found.name}")

    def write(database: Database) -> None:
        write_table(read_table_view(database, found), folder)

    with open_database(address) as database:
        table_run = TableRun(
            table=chosen,
            database=database,
            options=options,
            output=Output(
                say=say,
                open_progress=lambda: NamingProgress(open_progress(console, plain=plain), flags),
                open_preparing=lambda: progress_on(console),
            ),
            parts=context.obj or STANDARD_PARTS,
            command=again,
            after_row=lambda: write(database),
        )
        table_run.check()
        write(database)
        finished = table_run.run()
        view = read_table_view(database, found)
    if as_json:
        typer.echo(json.dumps(table_json(view), indent=1))
    else:
        _wide_console().print(table_text(view), crop=False)
    written = write_table(view, folder)
    say(f"table: {', '.join(map(str, written))}")
    following = ("less", str(written[0])) if finished else again
    say(f"next: {shell_text(following)}")
    return finished


def _wide_console() -> Console:
    """The terminal, or a file with long lines."""
    console = Console()
    return console if console.is_terminal else Console(width=PIPED_WIDTH)
