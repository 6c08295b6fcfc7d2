"""Errors of the database, as types.

Every message is one line: what was given, which rule it breaks, how to fix it. No message
contains a password. Assertions check our own invariants; these errors can be fixed by the user::

    StorageError
    ├── AddressError            a database address cannot be used as it is written
    │   ├── PasswordInAddress   a password in an address that others can read
    │   └── UnsupportedDatabase the address of a database that is not PostgreSQL
    ├── EmbeddedError           the embedded server cannot be started or used
    ├── ConnectError            the database is unreachable or refuses the connection
    ├── SchemaError             the tables are newer than this program, or cannot be created
    ├── NotPermitted            the role that connects may not do this
    ├── RoleError               a role cannot be created as requested
    ├── ArtifactPlaceError      a place for artifacts that cannot be used
    ├── ArtifactFailure         an artifact could not be stored or read (disk or network)
    ├── StudyNameError          a name that no study may have
    ├── NameTaken               a name that another study has
    ├── UnknownStudy            a name that no study has
    ├── LeaseHeld               another process drives the study
    ├── LeaseLost               this process no longer drives the study and must not write
    └── DatabaseUnreachable            the connection broke; work may continue after the outage
"""

__all__ = [
    "AddressError",
    "ArtifactFailure",
    "ArtifactPlaceError",
    "ConnectError",
    "DatabaseUnreachable",
    "EmbeddedError",
    "LeaseHeld",
    "LeaseLost",
    "NameTaken",
    "NotPermitted",
    "PasswordInAddress",
    "RoleError",
    "SchemaError",
    "StorageError",
    "StudyNameError",
    "UnknownStudy",
    "UnsupportedDatabase",
]


class StorageError(Exception):
    """An error of the database; the message says how to fix it."""


class AddressError(StorageError):
    """A database address cannot be used as it is written."""


class PasswordInAddress(AddressError):
    """A password in an address that others can read."""


class UnsupportedDatabase(AddressError):
    """The address of a database that is not PostgreSQL."""


class EmbeddedError(StorageError):
    """The embedded server cannot be started or used."""


class ConnectError(StorageError):
    """The database is unreachable or refuses the connection."""


class SchemaError(StorageError):
    """The tables are newer than this program, or cannot be created."""


class NotPermitted(StorageError):
    """The role that connects may not do this."""


class RoleError(StorageError):
    """A role cannot be created as requested."""


class ArtifactPlaceError(StorageError):
    """A place for artifacts that cannot be used."""


class ArtifactFailure(StorageError):
    """An artifact could not be stored or read, because of a disk or a network."""


class StudyNameError(StorageError):
    """A name that no study may have."""


class NameTaken(StorageError):
    """A name that another study has."""


class UnknownStudy(StorageError):
    """A name that no study has."""


class LeaseHeld(StorageError):
    """Another process drives the study."""


class LeaseLost(StorageError):
    """This process no longer drives the study and must not write."""


class DatabaseUnreachable(StorageError):
    """The connection broke; work may continue when the database is reachable again."""
