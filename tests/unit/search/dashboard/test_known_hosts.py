"""Which hosts the dashboard answers to."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest

from search.dashboard.known_hosts import only_known_hosts

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


def answered(host: str | None, *hosts: str) -> tuple[str, str]:
    """Status and body of a request with this header."""

    def application(
        environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [b"answered"]

    statuses: list[str] = []

    def start_response(status: str, headers: Any, error: Any = None) -> Any:
        statuses.append(status)

    environ = {} if host is None else {"HTTP_HOST": host}
    body = b"".join(only_known_hosts(application, hosts)(environ, start_response))
    return statuses[0], body.decode()


@pytest.mark.parametrize(
    ("host", "hosts"),
    [
        (None, ()),
        ("localhost", ()),
        ("LOCALHOST:8080", ()),
        ("localhost.:8080", ()),
        ("127.0.0.1:8080", ()),
        ("127.8.9.10", ()),
        ("[::1]:8080", ()),
        ("search.example:8443", ("search.example",)),
        ("Search.Example.", ("search.example",)),
        ("search.example", ("Search.Example",)),
        ("10.1.2.3:8080", ("10.1.2.3",)),
        ("10.1.2.3:8080", ("0.0.0.0",)),
        ("[fe80::1]:8080", ("::",)),
        ("[fe80::1]:8080", ("[fe80::1]",)),
    ],
)
def test_known_hosts_are_answered(host: str | None, hosts: tuple[str, ...]) -> None:
    assert answered(host, *hosts) == ("200 OK", "answered")


@pytest.mark.parametrize(
    ("host", "hosts"),
    [
        ("evil.example", ()),
        ("evil.example:8080", ("0.0.0.0",)),
        ("localhost.evil.example", ("search.example",)),
        ("127.0.0.1.evil.example", ()),
        ("evil.example@localhost.evil.example", ()),
        ("10.1.2.3", ()),
        ("127.1", ()),
        ("", ()),
        ("[::1", ()),
        ("<script>\r\nX: y", ("search.example",)),
    ],
)
def test_any_other_host_is_refused_in_one_line(host: str, hosts: tuple[str, ...]) -> None:
    status, line = answered(host, *hosts)
    assert status.startswith("421 ") and line.count("\n") == 1 and line.endswith("\n")
    assert "--allow-host" in line and "\r" not in line
