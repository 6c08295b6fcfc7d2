"""``roles``: create database roles for drivers and viewers, as the owner of the tables."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from search.commands.ending import one_line_errors
from search.commands.grouping import with_groups
from search.commands.options import path_option
from search.commands.storage_flags import StorageFlags
from search.errors import SettingsError
from storage.address import Address
from storage.database import open_database
from storage.roles import RoleKind, RoleRequest, make_roles, role_statements
from trainer.console.shell import search_command, shell_text

__all__ = ["provide_roles", "roles"]

#: Name of a role and the file with its password, as given by flags.
RoleFlags = tuple[str | None, Path | None]


@one_line_errors
@with_groups
def roles(
    *,
    driver: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Role for drivers: may read, add and change rows."),
    ] = None,
    viewer: Annotated[
        str | None, typer.Option(metavar="NAME", help="Role for viewers: may only read.")
    ] = None,
    driver_password_file: Annotated[
        Path | None,
        path_option("File whose first line is the password of the driver role.", "FILE"),
    ] = None,
    viewer_password_file: Annotated[
        Path | None,
        path_option("File whose first line is the password of the viewer role.", "FILE"),
    ] = None,
    print_: Annotated[
        bool,
        typer.Option(
            "--print", help="Only print the SQL; it contains SCRAM verifiers, not passwords."
        ),
    ] = False,
    storage: StorageFlags,
) -> None:
    """Create database roles for drivers and for read-only viewers. Run it as the tables' owner."""
    provide_roles(
        storage.address(),
        driver=(driver, driver_password_file),
        viewer=(viewer, viewer_password_file),
        only_print=print_,
        say=typer.echo,
    )


def provide_roles(
    address: Address,
    *,
    driver: RoleFlags,
    viewer: RoleFlags,
    only_print: bool,
    say: Callable[[str], None],
) -> None:
    """Create the named roles, or reset the rights of existing ones.

    Args:
        address: Address of the database with the owner's role.
        driver: The role that may read, add and change rows.
        viewer: The role that may only read.
        only_print: Print the SQL, and create nothing but the tables.
        say: Prints a line.

    Raises:
        SettingsError: If no role was named, or a password file was given without its role.
        RoleError: If a role cannot be created or used.
    """
    requests = [
        request
        for request in (_request("driver", driver), _request("viewer", viewer))
        if request is not None
    ]
    if not requests:
        raise SettingsError("no role was given: add --driver NAME, --viewer NAME, or both")
    from storage.optuna_store import open_optuna  # lazily: it imports Optuna

    with open_database(address) as database:
        open_optuna(database).engine.dispose()  # creates Optuna's tables
        if only_print:
            with database.engine.connect() as connection:
                for statement in role_statements(connection, requests):
                    say(f"{statement};")
            return
        make_roles(database, requests)
    for request in requests:
        secret = "password set" if request.password else "no password given"
        say(f"role {request.name!r} is a {request.kind} of {address.masked()}; {secret}")
    file = driver[1] if requests[0].kind == "driver" else viewer[1]
    flags = dataclasses.replace(
        address, user=requests[0].name, password_file=file, is_secret=False
    ).flags()
    say(f"next: {shell_text(search_command('doctor', *flags))}")


def _request(kind: RoleKind, flags: RoleFlags) -> RoleRequest | None:
    name, password_file = flags
    if name is not None:
        return RoleRequest.with_password_file(name, kind, password_file)
    if password_file is not None:
        raise SettingsError(
            f"--{kind}-password-file needs the name of the role: give --{kind} NAME, too"
        )
    return None
