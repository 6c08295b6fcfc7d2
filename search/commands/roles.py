"""``roles``: database roles for drivers and viewers, made by the owner of the tables."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from search.commands.ending import one_line_errors
from search.commands.flag_groups import StorageFlags
from search.commands.grouping import with_groups
from search.commands.options import path_option
from search.errors import SettingsError
from storage.address import Address
from storage.database import open_database
from storage.optuna_store import open_optuna
from storage.roles import RoleKind, RoleRequest, make_roles, role_statements

__all__ = ["provide_roles", "roles"]

#: A name and the file with the password, as the flags give them.
Given = tuple[str | None, Path | None]


@one_line_errors
@with_groups
def roles(
    *,
    driver: Annotated[
        str | None, typer.Option(metavar="NAME", help="Role that reads, adds and changes rows.")
    ] = None,
    viewer: Annotated[str | None, typer.Option(metavar="NAME", help="Role that reads.")] = None,
    driver_password_file: Annotated[
        Path | None,
        path_option("File whose first line is the password of the driver's role.", "FILE"),
    ] = None,
    viewer_password_file: Annotated[
        Path | None,
        path_option("File whose first line is the password of the viewer's role.", "FILE"),
    ] = None,
    print_: Annotated[
        bool,
        typer.Option("--print", help="Print the SQL instead, with verifiers of the passwords."),
    ] = False,
    storage: StorageFlags,
) -> None:
    """Make database roles: one for drivers, one that can only read. Run it as the owner."""
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
    driver: Given,
    viewer: Given,
    only_print: bool,
    say: Callable[[str], None],
) -> None:
    """Make the roles that were named, or give them these rights and no others.

    Args:
        address: The database, with the owner's role.
        driver: Of the role that reads, adds and changes rows.
        viewer: Of the role that reads.
        only_print: Print the SQL, and make nothing but the tables.
        say: Prints a line.

    Raises:
        SettingsError: If no role was named, or a password file came without its role.
        RoleError: If one cannot have the name.
    """
    requests = [
        request
        for request in (_request("driver", driver), _request("viewer", viewer))
        if request is not None
    ]
    if not requests:
        raise SettingsError("no role was named: give --driver NAME, --viewer NAME, or both")
    with open_database(address) as database:
        open_optuna(database).engine.dispose()  # its tables are to be there
        if only_print:
            with database.engine.connect() as connection:
                for statement in role_statements(connection, requests):
                    say(f"{statement};")
            return
        make_roles(database, requests)
    for request in requests:
        secret = "its password is set" if request.password else "no password was given"
        say(f"role {request.name!r} is a {request.kind} of {address.masked()}; {secret}")


def _request(kind: RoleKind, given: Given) -> RoleRequest | None:
    name, password_file = given
    if name is not None:
        return RoleRequest.with_password_file(name, kind, password_file)
    if password_file is not None:
        raise SettingsError(f"--{kind}-password-file without --{kind}: name the role as well")
    return None
