"""PostgreSQL: the programs of the embedded server or the server at the address, and the tables."""

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
    """Check whether studies can be stored, without creating a study or a database."""
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
    return ok("PostgreSQL", f"{version}{tried}; the first launch creates {address.masked()}")


def _judged(sight: DatabaseVersions, address: str) -> Check:
    room = f"room for the {SEARCH_CONNECTIONS} connections of a search"
    server = f"PostgreSQL {sight.server} at {address}, {room}"
    if sight.schema is None:
        return ok("PostgreSQL", f"{server}, no tables yet: the first launch creates them")
    if sight.newest is not None and sight.schema > sight.newest:
        return failed(
            "PostgreSQL",
            f"{server}, tables of version {sight.schema}, but this program knows only"
            f" {sight.newest}",
            "git pull && make search",
        )
    if not sight.writable:
        return failed(
            "PostgreSQL",
            f"{server}, but this role only reads: give a role that stores studies",
            "python -m search roles --storage ADDRESS-OF-THE-OWNER --driver NAME",
        )
    if sight.schema != sight.newest:
        return warning(
            "PostgreSQL",
            f"{server}, tables of version {sight.schema}, to be upgraded to {sight.newest}",
            "python -m search list",
        )
    return ok("PostgreSQL", f"{server}, tables of version {sight.schema}")


def _start_elsewhere() -> None:
    """Start a server in a temporary folder, and delete the folder."""
    # Socket paths are short, and the server's account cannot enter root's TMPDIR.
    folder = Path(tempfile.mkdtemp(prefix="umss-doctor-", dir="/tmp"))
    try:
        EmbeddedServer.join(folder).leave()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
