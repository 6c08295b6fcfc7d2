"""A WSGI filter that passes on requests that read, and answers 403 to all others."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["read_only"]

READING = ("GET", "HEAD")
REFUSAL = b"this dashboard is read-only\n"


def read_only(application: "WSGIApplication") -> "WSGIApplication":
    """Restrict an application to GET and HEAD."""

    def filtered(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] in READING:
            return application(environ, start_response)
        return _refuse(start_response)

    return filtered


def _refuse(start_response: Callable[..., object]) -> Iterable[bytes]:
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(REFUSAL))),
    ]
    start_response("403 Forbidden", headers)
    return [REFUSAL]
