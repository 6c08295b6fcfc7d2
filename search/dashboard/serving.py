"""Serve optuna-dashboard for the studies of a database.

This uses its WSGI application, because its own command would show the address of the database in
the list of processes.
"""

import contextlib
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from optuna.artifacts import FileSystemArtifactStore
from optuna_dashboard import wsgi

from search.dashboard.known_hosts import only_known_hosts
from search.dashboard.read_only import read_only
from search.dashboard.studies_page import PATH, StudiesPage, beside
from search.errors import SearchError
from storage.artifacts import ArtifactStore, ReadOnlyArtifacts
from storage.database import Database
from storage.optuna_store import open_optuna
from trainer.console.shell import search_command, shell_text

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["dashboard", "serve"]


class _QuietHandler(WSGIRequestHandler):
    """A request handler that does not log every request."""

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingMixIn, WSGIServer):
    """A server with a thread per connection: browsers open some that they do not use yet."""

    daemon_threads = True


def _one_by_one(application: "WSGIApplication") -> "WSGIApplication":
    """An application that answers one request after the other, as its connections need it."""
    lock = threading.Lock()

    def locked(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        with lock:
            answer = application(environ, start_response)
            try:
                yield from answer
            finally:
                close = getattr(answer, "close", None)
                if close is not None:
                    close()

    return locked


@contextlib.contextmanager
def dashboard(
    database: Database, *, artifacts: Path | None, hosts: Collection[str] = ()
) -> Iterator["WSGIApplication"]:
    """The dashboard's application, with the page of studies beside it.

    If the database was opened read-only, three layers prevent changes: the server and the
    artifact store refuse writes, and only GET and HEAD requests reach the application.

    Args:
        database: The open database.
        artifacts: Folder of the artifacts; None shows none.
        hosts: The hosts that it answers to, besides loopback.

    Raises:
        SearchError: If ``artifacts`` is not a folder.
    """
    store = None if artifacts is None else _open_artifacts(artifacts, database.read_only)
    storage = open_optuna(database)
    try:
        application = wsgi(storage, artifact_store=store)
        combined = beside(StudiesPage(database), application)
        allowed = read_only(combined) if database.read_only else combined
        yield only_known_hosts(allowed, hosts)
    finally:
        storage.engine.dispose()


def serve(
    database: Database,
    *,
    artifacts: Path | None,
    host: str,
    port: int,
    allowed_hosts: Collection[str],
    say: Callable[[str], None],
) -> None:
    """Serve until interrupted.

    Args:
        database: The open database.
        artifacts: Folder of the artifacts; None shows none.
        host: Address to listen on.
        port: Port to listen on.
        allowed_hosts: Hosts that it answers to, besides loopback and ``host``.
        say: Prints a line.

    Raises:
        SearchError: If it cannot listen on the port, or ``artifacts`` is not a folder.
    """
    hosts = (host, *allowed_hosts)
    with dashboard(database, artifacts=artifacts, hosts=hosts) as application:
        try:
            server = make_server(
                host, port, _one_by_one(application), _Server, handler_class=_QuietHandler
            )
        except OSError as error:
            raise SearchError(
                f"cannot listen on {host}:{port}: {error.strerror}; give --port another number"
            ) from error
        mode = "read-only, " if database.read_only else ""
        with server:
            place = f"http://{host}:{server.server_port}"
            say(f"optuna-dashboard: {place}/ ({mode}Ctrl-C stops it)")
            say(f"studies, stop and extend: {place}{PATH}")
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                say(f"stopped; the searches go on: `{_status(database)}` shows the last one")


def _status(database: Database) -> str:
    return shell_text(search_command("status", *database.address.flags()))


def _open_artifacts(folder: Path, only_read: bool) -> ArtifactStore:
    if folder.exists() and not folder.is_dir():  # a search creates a missing folder
        raise SearchError(
            f"--artifacts {folder} is not a folder: give the folder of the artifacts"
        )
    store = FileSystemArtifactStore(folder)
    return ReadOnlyArtifacts(store) if only_read else store
