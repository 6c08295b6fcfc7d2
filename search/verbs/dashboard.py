"""optuna-dashboard on the database of the studies.

Served through its WSGI application rather than its own command, which would show the
database address in the list of processes.
"""

from collections.abc import Callable
from wsgiref.simple_server import WSGIRequestHandler, make_server

from optuna_dashboard import wsgi

from search.errors import SearchError
from storage.database import Database
from storage.optuna_store import open_optuna

__all__ = ["serve"]


class _QuietHandler(WSGIRequestHandler):
    """Writes no line for each request."""

    def log_message(self, format: str, *args: object) -> None:
        pass


def serve(database: Database, *, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve until interrupted.

    Raises:
        SearchError: If the port cannot be listened on.
    """
    storage = open_optuna(database)
    try:
        server = make_server(host, port, wsgi(storage), handler_class=_QuietHandler)
    except OSError as error:
        raise SearchError(
            f"cannot listen on {host}:{port}: {error.strerror}; give --port another number"
        ) from error
    with server:
        say(f"optuna-dashboard: http://{host}:{server.server_port}/ (Ctrl-C ends it)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("ended")
        finally:
            storage.engine.dispose()
