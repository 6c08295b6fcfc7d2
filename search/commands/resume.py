"""``resume``: continue a stored search."""

import os
from typing import TYPE_CHECKING

import typer

from search.commands.ending import exit_stopped, one_line_errors, say_next
from search.commands.flag_groups import (
    DataFlags,
    RunFlags,
    SourceFlags,
    TargetFlags,
)
from search.commands.grouping import with_groups
from search.commands.options import NameArgument, PlainOption
from search.commands.storage_flags import StorageFlags
from search.workers.ray_environment import outlive_ray

if TYPE_CHECKING:
    from storage.database import Database

__all__ = ["resume"]


@one_line_errors
@with_groups
def resume(
    *,
    context: typer.Context,
    study: NameArgument = None,
    target: TargetFlags,
    data: DataFlags,
    storage: StorageFlags,
    run: RunFlags,
    plain: PlainOption = None,
) -> None:
    """Continue a search; without a name, the last unfinished one that no process drives.

    With --trials, a search that runs elsewhere is asked to finish that many.
    """
    address = storage.address()
    outlive_ray(os.environ)
    from search.commands.driving import drive
    from search.commands.run_options import find_run_options
    from search.launch.request import Launch
    from search.launch.stored_study import configure, find_to_resume
    from storage.database import open_database

    options = find_run_options(run)
    layers = SourceFlags().layers({**target.settings(), **data.settings()})
    with open_database(address) as database:
        if study is not None and target.trials is not None and not run.standby:
            if _extend_running(database, study, target.trials):
                return
        record = find_to_resume(database, study, standby=run.standby)
        typer.echo(f"resuming study {record.name}")
        config = configure(database, record.name, layers)
        request = Launch(study=record.name, layers=layers, config=config, options=options)
        finished = drive(request, database, plain=plain, parts=context.obj)
    exit_stopped(finished=finished)


def _extend_running(database: "Database", study: str, trials: int) -> bool:
    """Raise the target of a search that another process drives; returns whether one does."""
    from search.driver.extending import extend
    from search.reporting.reading import read_study

    view = read_study(database, study)
    if view.driver is None:
        return False
    extend(database, study, trials)
    typer.echo(f"asked study {study} to finish {trials} trials; it is {view.driver}")
    say_next(view.command("attach"))
    return True
