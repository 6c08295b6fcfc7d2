"""Make the roles of drivers and viewers, as the owner of the tables."""

from collections.abc import Callable
from pathlib import Path

from search.errors import SettingsError
from storage.address import Address
from storage.database import open_database
from storage.optuna_store import open_optuna
from storage.roles import RoleKind, RoleWish, make_roles, role_statements

__all__ = ["roles"]

#: A name and the file with the password, as the flags give them.
Given = tuple[str | None, Path | None]


def roles(
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
    wishes = [
        wish for wish in (_wish("driver", driver), _wish("viewer", viewer)) if wish is not None
    ]
    if not wishes:
        raise SettingsError("no role was named: give --driver NAME, --viewer NAME, or both")
    with open_database(address) as database:
        open_optuna(database).engine.dispose()  # its tables are to be there
        if only_print:
            with database.engine.connect() as connection:
                for statement in role_statements(connection, wishes):
                    say(f"{statement};")
            return
        make_roles(database, wishes)
    for wish in wishes:
        secret = "its password is set" if wish.password else "no password was given"
        say(f"role {wish.name!r} is a {wish.kind} of {address.masked()}; {secret}")


def _wish(kind: RoleKind, given: Given) -> RoleWish | None:
    name, password_file = given
    if name is not None:
        return RoleWish.with_password_file(name, kind, password_file)
    if password_file is not None:
        raise SettingsError(f"--{kind}-password-file without --{kind}: name the role as well")
    return None
