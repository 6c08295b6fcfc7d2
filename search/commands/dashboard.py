"""``dashboard``: serve optuna-dashboard for the studies of a database."""

from typing import Annotated

import typer

from search.commands.ending import one_line_errors
from search.commands.grouping import with_groups
from search.commands.quiet import quiet_optuna
from search.commands.storage_flags import StorageFlags

__all__ = ["dashboard"]


@one_line_errors
@with_groups
def dashboard(
    *,
    host: Annotated[
        str,
        typer.Option(help="Address to listen on. Others than loopback need a proxy with a login."),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8080,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Host that a browser may ask for, besides loopback and --host; repeatable.",
        ),
    ] = None,
    storage: StorageFlags,
    read_only: Annotated[
        bool,
        typer.Option("--read-only", help="Allow no changes, whatever the rights of the role."),
    ] = False,
    artifacts: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|s3://BUCKET/PREFIX",
            help="Artifacts to show besides the pictures that the studies name.",
        ),
    ] = None,
) -> None:
    """Serve optuna-dashboard until interrupted; without --read-only, anyone can delete studies."""
    from search.dashboard.serving import serve

    quiet_optuna()
    with storage.opened(read_only=read_only) as database:
        serve(
            database,
            artifacts=artifacts,
            host=host,
            port=port,
            allowed_hosts=allow_host or (),
            say=typer.echo,
        )
