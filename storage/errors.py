"""What can go wrong with the database, as types.

Every message is one line: what was given, which rule it breaks, how to mend it; none
holds a password. Assertions are for our own invariants, these are for what can be mended::

    StorageError
    ├── AddressError            a database address cannot be used as it is written
    │   ├── PasswordInAddress   a password in an address that others can read
    │   └── UnsupportedDatabase the address of a database that is not PostgreSQL
    ├── EmbeddedError           the embedded server cannot be started or used
    ├── ConnectError            the database cannot be reached or does not let us in
    ├── SchemaError             the tables are newer than this program, or cannot be made
    ├── NotPermitted            the role that connects may not do this
    ├── RoleError               a role cannot be made as it was asked for
    ├── ArtifactPlaceError      a place for artifacts that cannot be used
    ├── ArtifactFailure         an artifact could not be kept or read: a disk, a network
    ├── StudyNameError          a name that no study may have
    ├── NameTaken               a name that another study has
    ├── UnknownStudy            a name that no study has
    ├── LeaseHeld               another process drives the study
    ├── LeaseLost               this process drives the study no longer: it must not write
    └── DatabaseAway            the connection broke; the work may go on when it is back
"""

__all__ = [
    "AddressError",
    "ArtifactFailure",
    "ArtifactPlaceError",
    "ConnectError",
    "DatabaseAway",
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
    """Something about the database; the message says how to mend it."""


class AddressError(StorageError):
    """A database address cannot be used as it is written."""


class PasswordInAddress(AddressError):
    """A password in an address that others can read."""


class UnsupportedDatabase(AddressError):
    """The address of a database that is not PostgreSQL."""


class EmbeddedError(StorageError):
    """The embedded server cannot be started or used."""


class ConnectError(StorageError):
    """The database cannot be reached or does not let us in."""


class SchemaError(StorageError):
    """The tables are newer than this program, or cannot be made."""


class NotPermitted(StorageError):
    """The role that connects may not do this."""


class RoleError(StorageError):
    """A role cannot be made as it was asked for."""


class ArtifactPlaceError(StorageError):
    """A place for artifacts that cannot be used."""


class ArtifactFailure(StorageError):
    """An artifact could not be kept or read: a disk, a network."""


class StudyNameError(StorageError):
    """A name that no study may have."""


class NameTaken(StorageError):
    """A name that another study has."""


class UnknownStudy(StorageError):
    """A name that no study has."""


class LeaseHeld(StorageError):
    """Another process drives the study."""


class LeaseLost(StorageError):
    """This process drives the study no longer: it must not write."""


class DatabaseAway(StorageError):
    """The connection broke; the work may go on when the database is back."""
