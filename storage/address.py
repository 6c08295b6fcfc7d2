"""Addresses of databases, and where their passwords may come from.

An address in a flag is visible in process lists, logs and Ray's job table, so it must not contain
a password. Passwords come from ``UMSS_STORAGE`` (removed from the environment, which worker
processes inherit), from ``--password-file``, or from libpq's own ``PGPASSFILE`` and ``~/.pgpass``.
No text that this module makes contains a password.
"""

import dataclasses
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from storage.embedded_connection import PARAMETERS as EMBEDDED_PARAMETERS
from storage.embedded_connection import VARIABLES as OTHER_SERVER_VARIABLES
from storage.embedded_folder import default_folder
from storage.errors import AddressError, PasswordInAddress, UnsupportedDatabase
from storage.hosts import hosts_from_list, take_hosts

__all__ = [
    "PASSWORD_VARIABLE",
    "STORAGE_VARIABLE",
    "Address",
    "parse_address",
    "read_password",
    "take_address",
]

STORAGE_VARIABLE = "UMSS_STORAGE"
PASSWORD_VARIABLE = "PGPASSWORD"

DRIVER = "postgresql+psycopg2"
#: Spellings of PostgreSQL that mean the driver above.
POSTGRESQL_SCHEMES = ("postgresql", "postgres", DRIVER)
#: libpq parameters that are secrets themselves.
SECRET_PARAMETERS = ("password", "sslpassword")
#: libpq parameters that belong before the question mark of an address.
GIVEN_BEFORE = ("user", "dbname")

PASSWORD_FIX = (
    f"set the whole address in the variable {STORAGE_VARIABLE}, keep the password in a .pgpass"
    " file (PGPASSFILE), or give --password-file"
)


@dataclass(frozen=True, kw_only=True)
class Address:
    """The address of a database. Its text, in any form, never shows the password."""

    #: ``embedded``: our own server in a folder; ``postgresql``: a server that runs elsewhere.
    kind: Literal["embedded", "postgresql"]
    #: Folder of the embedded server; None for the other kind.
    folder: Path | None = None
    #: Role that connects; None lets libpq choose.
    user: str | None = None
    #: Secret; None lets libpq look into PGPASSFILE or ``~/.pgpass``.
    password: str | None = field(default=None, repr=False)
    #: Host name, or None for a local socket.
    host: str | None = None
    #: TCP port; None lets libpq choose.
    port: int | None = None
    #: Database name; None lets libpq choose.
    database: str | None = None
    #: Further libpq parameters, such as ``sslmode``.
    parameters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    #: File that the password was read from; None if it came from elsewhere.
    password_file: Path | None = field(default=None, compare=False)
    #: Whether it was in ``UMSS_STORAGE`` with a password. Commands then leave it to the variable,
    #: which they need anyway.
    is_secret: bool = field(default=False, compare=False)
    #: Whether a flag replaced ``UMSS_STORAGE``. Commands then name even the default database.
    is_override: bool = field(default=False, compare=False)

    def masked(self) -> str:
        """The address with any password replaced by three stars."""
        if self.kind == "embedded":
            return f"embedded:{self.folder}"
        url = self.url(host=None).set(drivername="postgresql")
        shown = {
            key: "***" if key in SECRET_PARAMETERS else value for key, value in url.query.items()
        }
        text = url.set(query=shown).render_as_string(hide_password=True)
        return text.replace("%2A%2A%2A", "***").replace("%2C", ",")

    def without_password(self) -> "Address":
        """The same address without secrets, as a flag may contain it."""
        kept = {key: v for key, v in self.parameters.items() if key not in SECRET_PARAMETERS}
        return dataclasses.replace(self, password=None, parameters=MappingProxyType(kept))

    def flags(self) -> tuple[str, ...]:
        """The flags with which a command uses this database.

        There are none if the variable ``UMSS_STORAGE`` holds the password, or for the default
        database unless it was given instead of that variable. They contain no password, at most
        the path of the file that holds it.
        """
        public = self.without_password()
        if self.is_secret or (public == parse_address(None) and not self.is_override):
            return ()
        file = () if self.password_file is None else ("--password-file", str(self.password_file))
        return ("--storage", public.masked(), *file)

    def __str__(self) -> str:
        return self.masked()

    def __repr__(self) -> str:
        return f"Address({self.masked()!r})"

    def url(self, *, host: str | None) -> URL:
        """The address for SQLAlchemy, with the password.

        Args:
            host: Socket folder of a running embedded server; None for the other kind.
        """
        query = dict(self.parameters)
        if host is not None:
            query |= {**EMBEDDED_PARAMETERS, "host": host}
        return URL.create(
            DRIVER,
            username=self.user,
            password=self.password,
            host=self.host,
            port=self.port,
            database=self.database,
            query=query,
        )


def parse_address(
    text: str | None, *, password_file: Path | None = None, password: str | None = None
) -> Address:
    """Parse an address that came from a source that others can read.

    Args:
        text: ``embedded``, ``embedded:FOLDER`` or ``postgresql://USER@HOST:PORT/NAME``; None
            means ``embedded``.
        password_file: File whose first line is the password.
        password: The password, from a source that others cannot read.

    Raises:
        PasswordInAddress: If it contains a password.
        UnsupportedDatabase: If it is the address of another kind of database.
        AddressError: If the address is malformed, or the password file cannot be read.
    """
    address = _parse(text)
    if address.password is not None or _secrets_of(address):
        raise PasswordInAddress(
            f"{address.masked()} contains a password, which a flag would show to everyone on the"
            f" machine: leave it out, and {PASSWORD_FIX}"
        )
    return _with_password(address, password_file=password_file, password=password)


def take_address(
    text: str | None,
    environment: MutableMapping[str, str],
    *,
    password_file: Path | None = None,
) -> Address:
    """The address to use; removes ``UMSS_STORAGE`` and ``PGPASSWORD`` from the environment.

    Worker processes inherit the environment, so call this before starting any. For the embedded
    server, it also removes variables of libpq that would lead to another one.

    Args:
        text: The address given by flag, if any; it takes precedence over ``UMSS_STORAGE``.
        environment: Usually ``os.environ``; changed in place.
        password_file: File whose first line is the password.

    Raises:
        AddressError: If the address, or the password file, cannot be used.
    """
    kept = environment.pop(STORAGE_VARIABLE, None)
    password = environment.pop(PASSWORD_VARIABLE, None)
    if text is not None or not kept:
        address = parse_address(text, password_file=password_file, password=password)
        address = dataclasses.replace(address, is_override=bool(kept))
    else:
        address = _parse(kept)
        has_secret = address.password is not None or bool(_secrets_of(address))
        address = dataclasses.replace(address, is_secret=has_secret)
        address = _with_password(address, password_file=password_file, password=password)
    if address.kind == "embedded":
        for name in OTHER_SERVER_VARIABLES:
            environment.pop(name, None)
    return address


def _parse(text: str | None) -> Address:
    if text is None or text in ("embedded", "embedded:"):
        return _embedded(default_folder())
    if text.startswith("embedded:"):
        return _embedded(_folder(text.removeprefix("embedded:")))
    scheme = _scheme_of(text)
    if scheme not in POSTGRESQL_SCHEMES:
        raise _unsupported(scheme)
    return _postgresql(text)


def _folder(text: str) -> Path:
    try:
        return Path(text).expanduser().resolve()
    except RuntimeError as error:
        user = Path(text).parts[0]
        raise AddressError(
            f"embedded:{text}: there is no home folder of {user}: give the folder's whole path"
        ) from error


def _embedded(folder: Path) -> Address:
    return Address(kind="embedded", folder=folder, user="postgres", database="postgres")


def _scheme_of(text: str) -> str:
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", text)
    if found is None:
        raise AddressError(
            "the storage address has no scheme: give embedded, embedded:FOLDER or"
            " postgresql://USER@HOST:PORT/NAME"
        )
    return found[1].lower()


def _unsupported(scheme: str) -> UnsupportedDatabase:
    kind = scheme.partition("+")[0]
    fix = "give postgresql://USER@HOST:PORT/NAME, or no --storage for the embedded PostgreSQL"
    if kind == "sqlite":
        return UnsupportedDatabase(
            "a SQLite address was given, but SQLite has no row locks and no server clock, so two"
            f" drivers of one study could not be kept apart: {fix}"
        )
    if kind in ("mysql", "mariadb"):
        return UnsupportedDatabase(
            f"a {kind} address was given, but leases and migrations are written for PostgreSQL"
            f" alone: {fix}"
        )
    return UnsupportedDatabase(f"unknown storage scheme {scheme!r}: {fix}")


def _postgresql(text: str) -> Address:
    text, several = take_hosts(text)
    try:
        url = make_url(re.sub(r"^[^:]*", DRIVER, text, count=1))
    except (ArgumentError, ValueError):
        # The cause may quote the text, and with it a password.
        raise AddressError(
            "the postgresql address cannot be parsed: give postgresql://USER@HOST:PORT/NAME, and"
            " percent-encode characters other than letters and digits in a name"
        ) from None
    if any("@" in part for part in (url.host or "", url.database or "")):
        # The text before the last @ may be part of a password, so the message does not repeat it.
        raise AddressError(
            "the postgresql address has more than one @: percent-encode an @ inside a password as"
            " %40"
        )
    return Address(
        kind="postgresql",
        user=url.username,
        password=url.password,
        host=url.host,
        port=url.port,
        database=url.database or None,
        parameters=MappingProxyType(_parameters(url, several)),
    )


def _parameters(url: URL, several: Mapping[str, str]) -> dict[str, str]:
    parameters = dict(several)
    repeated = url.query.get("host")
    query = dict(url.query)
    if isinstance(repeated, tuple):  # host=H1:P1&host=H2:P2
        del query["host"]
        parameters |= hosts_from_list(repeated)
    for key, value in query.items():
        if not isinstance(value, str) or key in parameters:
            raise AddressError(f"the postgresql address gives {key} more than once: give it once")
        if key in GIVEN_BEFORE:
            raise AddressError(
                f"the postgresql address gives {key} after the question mark: write"
                " postgresql://USER@HOST:PORT/NAME"
            )
        parameters[key] = value
    return parameters


def _secrets_of(address: Address) -> tuple[str, ...]:
    return tuple(key for key in SECRET_PARAMETERS if key in address.parameters)


def _with_password(
    address: Address, *, password_file: Path | None, password: str | None
) -> Address:
    if password_file is not None:
        password = read_password(password_file)
        address = dataclasses.replace(address, password_file=password_file.absolute())
    if address.kind == "embedded" or password is None:
        return address
    if address.password is not None and password_file is None:
        return address
    return dataclasses.replace(address, password=password)


def read_password(path: Path) -> str:
    """Read a password from the first line of a file.

    Raises:
        AddressError: If the file cannot be read, or its first line is empty.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AddressError(
            f"cannot read the password file {path}: {type(error).__name__}; give a readable file"
            " whose first line is the password"
        ) from error
    if not lines or not lines[0]:
        raise AddressError(
            f"the password file {path} has an empty first line: write the password there"
        )
    return lines[0]
