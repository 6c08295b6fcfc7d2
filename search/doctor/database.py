"""PostgreSQL: the embedded server's programs, or the server at an address, and our tables."""

import shutil
import tempfile
from pathlib import Path

from search.doctor.check import Check, failed, ok, warning
from search.doctor.subject import Subject
from storage.database import SEARCH_CONNECTIONS, DatabaseVersions, inspect_database
from storage.embedded import EmbeddedServer
from storage.errors import StorageError
from storage.server_programs import program_version

__all__ = ["check_database"]


def check_database(subject: Subject) -> Check:
    """Whether studies can be stored; makes none, and no database."""
    address = subject.address
    try:
        if address.folder is None or (address.folder / "data").exists():
            return _judged(inspect_database(address), address.masked())
        version = program_version()
        if subject.deep:
            _start_elsewhere()
    except StorageError as error:
        other = "embedded:FOLDER" if address.folder else "embedded"
        return failed("PostgreSQL", str(error), subject.launch("--storage", other))
    tried = ", started and stopped" if subject.deep else ""
    return ok("PostgreSQL", f"{version}{tried}; {address.masked()} is made by the first launch")


def _judged(sight: DatabaseVersions, address: str) -> Check:
    room = f"room for the {SEARCH_CONNECTIONS} connections of a search"
    server = f"PostgreSQL {sight.server} at {address}, {room}"
    if sight.schema is None:
        return ok("PostgreSQL", f"{server}, without tables: the first launch makes them")
    if sight.newest is not None and sight.schema > sight.newest:
        return failed(
            "PostgreSQL",
            f"{server}, tables of version {sight.schema}, newer than this program's"
            f" {sight.newest}",
            "git pull && make search",
        )
    if sight.schema != sight.newest:
        return warning(
            "PostgreSQL",
            f"{server}, tables of version {sight.schema}, this program's is {sight.newest}",
            "python -m search list",
        )
    return ok("PostgreSQL", f"{server}, tables of version {sight.schema}")


def _start_elsewhere() -> None:
    """Start a server in a folder of its own, which is then deleted."""
    folder = Path(tempfile.mkdtemp(prefix="umss-doctor-", dir="/tmp"))  # short, and not root's
    try:
        EmbeddedServer.join(folder).leave()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
