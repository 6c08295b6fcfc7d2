"""Serve optuna-dashboard for the studies of a database.

This uses its WSGI application, because its own command would show the address of the database in
the list of processes.
"""

import contextlib
import errno
import socket
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, BinaryIO
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from bottle import HTTPError  # the framework of optuna-dashboard
from optuna_dashboard import wsgi

from search.checkpoints.folders import default_checkpoint_root
from search.dashboard.known_hosts import only_known_hosts
from search.dashboard.read_only import read_only
from search.dashboard.studies_page import PATH, StudiesPage, beside
from search.errors import SearchError
from search.machine.run_options import PICTURES
from search.records.stored_picture import places_of
from storage.artifact_lookup import ArtifactLookup
from storage.artifact_places import open_artifacts
from storage.artifacts import ArtifactStore, ReadOnlyArtifacts
from storage.database import Database
from storage.errors import ArtifactFailure
from storage.optuna_store import SearchStorage, open_optuna
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


class _ShownArtifacts:
    """The artifacts for the dashboard, whose pages take a missing one as a 404."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store
        self.write, self.remove = store.write, store.remove

    def open_reader(self, artifact_id: str) -> BinaryIO:
        try:
            return self._store.open_reader(artifact_id)
        except ArtifactFailure as error:  # such as in a folder of another machine
            raise HTTPError(404, str(error)) from error


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
    database: Database, *, artifacts: str | None, hosts: Collection[str] = ()
) -> Iterator["WSGIApplication"]:
    """The dashboard's application, with the page of studies beside it.

    If the database was opened read-only, three layers prevent changes: the server and the
    artifact store refuse writes, and only GET and HEAD requests reach the application.

    Args:
        database: The open database.
        artifacts: Folder or ``s3://BUCKET/PREFIX`` with artifacts to show, besides the pictures
            of the studies; None for none.
        hosts: The hosts that it answers to, besides loopback.

    Raises:
        SearchError: If ``artifacts`` is a file.
        ArtifactPlaceError: If ``artifacts`` is another place that cannot be used.
    """
    first = _checked(artifacts) if artifacts else str(default_checkpoint_root() / PICTURES)
    storage = open_optuna(database)
    try:
        lookup = ArtifactLookup(lambda: _places(storage), first=first)
        store = ReadOnlyArtifacts(lookup) if database.read_only else lookup
        application = wsgi(storage, artifact_store=_ShownArtifacts(store))
        combined = beside(StudiesPage(database), application)
        allowed = read_only(combined) if database.read_only else combined
        yield only_known_hosts(allowed, hosts)
    finally:
        storage.engine.dispose()


def serve(
    database: Database,
    *,
    artifacts: str | None,
    host: str,
    port: int,
    allowed_hosts: Collection[str],
    say: Callable[[str], None],
) -> None:
    """Serve until interrupted.

    Args:
        database: The open database.
        artifacts: Folder or ``s3://BUCKET/PREFIX`` with artifacts to show, besides the pictures
            of the studies; None for none.
        host: Address to listen on.
        port: Port to listen on.
        allowed_hosts: Hosts that it answers to, besides loopback and ``host``.
        say: Prints a line.

    Raises:
        SearchError: If it cannot listen on the port, or ``artifacts`` is a file.
        ArtifactPlaceError: If ``artifacts`` is another place that cannot be used.
    """
    hosts = (host, *allowed_hosts)
    with dashboard(database, artifacts=artifacts, hosts=hosts) as application:
        try:
            server = make_server(
                host, port, _one_by_one(application), _Server, handler_class=_QuietHandler
            )
        except OSError as error:
            raise SearchError(
                f"cannot listen on {host}:{port}: {error.strerror}; give {_other(error)}"
            ) from error
        mode = "read-only, " if database.read_only else ""
        with server:
            place = f"http://{host}:{server.server_port}"
            try:
                say(f"optuna-dashboard: {place}/ ({mode}Ctrl-C stops it)")
                say(f"studies, stop and extend: {place}{PATH}")
                server.serve_forever()
            except KeyboardInterrupt:
                say(f"stopped; the searches continue: `{_status(database)}` shows the last one")


def _other(error: OSError) -> str:
    """What to change so that it can listen."""
    unknown = isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
    return "--host an address of this machine" if unknown else "--port another number"


def _status(database: Database) -> str:
    return shell_text(search_command("status", *database.address.flags()))


def _checked(place: str) -> str:
    """A place for artifacts that can be used, or will be once a search creates its folder."""
    if "://" not in place and Path(place).exists() and not Path(place).is_dir():
        raise SearchError(f"--artifacts {place} is not a folder: give the folder of the artifacts")
    open_artifacts(place)
    return place


def _places(storage: SearchStorage) -> list[str]:
    """Where any study keeps pictures, the newest study first."""
    studies = reversed(storage.get_all_studies())
    return [place for study in studies for place in places_of(study.system_attrs)]
