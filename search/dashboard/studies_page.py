"""The page of studies: state, driver, best value, progress, and what can be done about them.

It is served beside optuna-dashboard under ``/umss/``. Requests that change something are forms
sent by POST. They carry a token that only this page shows, so that no other site can send them,
and the page refuses to be shown inside another one.
"""

import hmac
import secrets
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from search.dashboard.actions import extend, stop
from search.errors import SearchError
from search.reporting.digest import MORE_TRIALS, after
from search.reporting.reading import read_studies
from search.reporting.templates import load_template
from storage.database import Database
from storage.errors import DatabaseUnreachable, NotPermitted, StorageError, UnknownStudy
from trainer.console.shell import search_command, shell_text

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["PATH", "StudiesPage", "beside"]

#: Where the page is.
PATH = "/umss/"
TEMPLATE = Path(__file__).with_name("studies.html.jinja")
LONGEST_FORM = 10_000  # bytes
FORM = "application/x-www-form-urlencoded"
#: Nothing is loaded, and no other page may show this one inside itself.
HEADERS = (
    ("Content-Security-Policy", "default-src 'none'; img-src data:; style-src 'unsafe-inline';"
     " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"),
    ("X-Frame-Options", "DENY"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)  # fmt: skip


class _Refusal(Exception):
    """A request that is not answered with the page; the message is one line."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


class StudiesPage:
    """The application behind the page."""

    def __init__(self, database: Database) -> None:
        """Prepare; a database that was opened read-only is never changed."""
        self._database = database
        self._token = secrets.token_urlsafe()
        self._template = load_template(TEMPLATE)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer a request."""
        try:
            status, headers, body = self._answer_or_refuse(environ)
        except DatabaseUnreachable as error:
            status, headers, body = "503 Service Unavailable", [], self._plain(str(error))
        content = [
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(body))),
        ]
        start_response(status, [*headers, *content, *HEADERS])
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

    def _answer_or_refuse(
        self, environ: "WSGIEnvironment"
    ) -> tuple[str, list[tuple[str, str]], bytes]:
        try:
            return self._answer(environ)
        except _Refusal as refusal:
            return refusal.status, [], self._page(problem=str(refusal))

    def _answer(self, environ: "WSGIEnvironment") -> tuple[str, list[tuple[str, str]], bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if method in ("GET", "HEAD"):
            if path == PATH.rstrip("/"):
                return "308 Permanent Redirect", [("Location", PATH)], b""
            if path != PATH:
                raise _Refusal("404 Not Found", "there is no such page")
            return "200 OK", [], self._page()
        if method != "POST" or path not in self._actions:
            raise _Refusal("405 Method Not Allowed", "this page takes GET, and POST of its forms")
        self._act(path, self._form(environ))
        return "303 See Other", [("Location", PATH)], b""

    @property
    def _actions(self) -> Mapping[str, Callable[[Mapping[str, str]], None]]:
        """What is done with a form, by the path that it is sent to."""
        return {
            f"{PATH}stop": lambda form: stop(self._database, form["study"]),
            f"{PATH}extend": lambda form: extend(self._database, form["study"], form["trials"]),
        }

    def _form(self, environ: "WSGIEnvironment") -> Mapping[str, str]:
        """The fields of a form that this page made.

        Raises:
            _Refusal: If the request is no such form.
        """
        if self._database.read_only:
            raise _Refusal("403 Forbidden", "this dashboard is read-only")
        if _is_from_elsewhere(environ):
            raise _Refusal("403 Forbidden", "another site sent this request")
        length = str(environ.get("CONTENT_LENGTH") or "")
        if environ.get("CONTENT_TYPE", "").partition(";")[0].strip() != FORM:
            raise _Refusal("415 Unsupported Media Type", "send the form of this page")
        if not (length.isascii() and length.isdigit()) or int(length) > LONGEST_FORM:
            raise _Refusal("413 Content Too Large", "send the form of this page")
        sent = environ["wsgi.input"].read(int(length))
        fields = parse_qs(sent.decode("utf-8", "replace"), keep_blank_values=True)
        form = {"study": "", "trials": "", **{name: all_[0] for name, all_ in fields.items()}}
        if not hmac.compare_digest(form.get("token", "").encode(), self._token.encode()):
            raise _Refusal("403 Forbidden", "this form is of an earlier dashboard: send it again")
        return form

    def _act(self, path: str, form: Mapping[str, str]) -> None:
        try:
            self._actions[path](form)
        except DatabaseUnreachable:
            raise
        except UnknownStudy as error:
            raise _Refusal("404 Not Found", str(error)) from error
        except NotPermitted as error:
            raise _Refusal("403 Forbidden", str(error)) from error
        except (SearchError, StorageError) as error:
            raise _Refusal("409 Conflict", str(error)) from error

    def _page(self, *, problem: str = "") -> bytes:
        views = list(reversed(read_studies(self._database)))
        text = self._template.render(
            views=views,
            commands={view.name: after(view) for view in views},
            token="" if self._database.read_only else self._token,
            launch=shell_text(search_command("launch", *self._database.address.flags())),
            more=MORE_TRIALS,
            problem=problem,
            refresh=any(view.state == "running" for view in views),
        )
        return text.encode()

    def _plain(self, problem: str) -> bytes:
        """The page without studies, for when they cannot be read."""
        text = self._template.render(
            views=None, commands={}, token="", more=0, problem=problem, refresh=True
        )
        return text.encode()


def _is_from_elsewhere(environ: "WSGIEnvironment") -> bool:
    """Whether a browser says that another site's page sent the request."""
    if environ.get("HTTP_SEC_FETCH_SITE", "same-origin") not in ("same-origin", "none"):
        return True
    origin = environ.get("HTTP_ORIGIN")
    return origin is not None and urlsplit(origin).netloc != environ.get("HTTP_HOST")


def beside(page: StudiesPage, application: "WSGIApplication") -> "WSGIApplication":
    """An application that answers with the page under its path, and else as another one."""

    def chosen(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == PATH.rstrip("/") or path.startswith(PATH):
            return page(environ, start_response)
        return application(environ, start_response)

    return chosen
