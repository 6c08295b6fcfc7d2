"""``confirm``: train the finalists of a finished search again, with fresh seeds."""

import os
from typing import Annotated

import typer

from search.commands.ending import exit_stopped, one_line_errors
from search.commands.flag_groups import DataFlags, RunFlags, SourceFlags
from search.commands.grouping import with_groups
from search.commands.options import NameArgument, PlainOption
from search.commands.storage_flags import StorageFlags
from search.errors import SettingsError
from search.records.confirmation import FINALISTS, SEEDS
from search.workers.ray_environment import outlive_ray

__all__ = ["confirm"]


@one_line_errors
@with_groups
def confirm(
    *,
    context: typer.Context,
    study: NameArgument = None,
    top: Annotated[
        int, typer.Option(help="Number of finalists, chosen by the model.")
    ] = FINALISTS,
    seeds: Annotated[
        int, typer.Option(help="Fresh runs of each finalist, of the defaults, and of K-means.")
    ] = SEEDS,
    data: DataFlags,
    storage: StorageFlags,
    run: RunFlags,
    plain: PlainOption = None,
) -> None:
    """Train the best trials of a finished search again with fresh seeds, and compare them."""
    if run.standby:
        raise SettingsError(
            "--standby takes over a search, and confirms none: leave it out, and run the same"
            " command again to continue"
        )
    address = storage.address()
    outlive_ray(os.environ)
    from search.commands.driving import drive
    from search.commands.run_options import find_run_options
    from search.launch.finalists import plan_confirmation
    from search.launch.request import Launch
    from search.launch.stored_study import configure
    from search.reporting import reading
    from search.reporting.assessing import assess
    from storage.database import open_database

    options = find_run_options(run)
    layers = SourceFlags().layers(data.settings())
    with open_database(address) as database:
        view = reading.read_study(database, study or reading.last_study(database))
        plan = plan_confirmation(view, assess(view), top=top, seeds=seeds)
        typer.echo(
            f"confirming trials {', '.join(map(str, plan.trials))} of study {view.name}, chosen by"
            f" {plan.chosen_by}: {len(plan.jobs())} runs with those of the references"
        )
        request = Launch(
            study=view.name,
            layers=layers,
            config=configure(database, view.name, layers),
            options=options,
            confirmation=plan,
        )
        finished = drive(request, database, plain=plain, parts=context.obj)
    exit_stopped(finished=finished)
