"""A WSGI filter that answers only to names of this machine, and to those that it was given.

A page of another site can let its own name point to this machine (DNS rebinding). The browser then
takes the dashboard for a part of that site, and lets the page read it and send its forms. Only the
header ``Host`` tells: it still has the other site's name.
"""

import ipaddress
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["only_known_hosts"]

LOCAL = "localhost"
LONGEST = 80  # characters of a name that a refusal repeats


def only_known_hosts(application: "WSGIApplication", hosts: Collection[str]) -> "WSGIApplication":
    """Restrict an application to requests for loopback and for some other hosts.

    A request without the header passes: every browser sends it.

    Args:
        application: The application.
        hosts: Names and addresses without a port. An address that stands for all addresses, such
            as ``0.0.0.0``, allows every address, but no name.
    """
    known = {_plain(host) for host in hosts}
    any_address = any(_is(host, "is_unspecified") for host in known)

    def filtered(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        host = environ.get("HTTP_HOST")
        if host is None or _is_known(_name(host), known, any_address=any_address):
            return application(environ, start_response)
        return _refuse(host, start_response)

    return filtered


def _is_known(name: str, known: Collection[str], *, any_address: bool) -> bool:
    if name == LOCAL or name in known or _is(name, "is_loopback"):
        return True
    return any_address and _is(name, "version")


def _is(name: str, property_: str) -> bool:
    """Whether a name is an address that has a property; every address has a version."""
    try:
        return bool(getattr(ipaddress.ip_address(name), property_))
    except ValueError:
        return False


def _name(host: str) -> str:
    """The host without its port; empty if it cannot be read."""
    try:
        return _plain(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return ""


def _plain(host: str) -> str:
    return host.lower().removesuffix(".").strip("[]")


def _refuse(host: str, start_response: "StartResponse") -> Iterable[bytes]:
    text = (
        f"this dashboard does not answer to the host {host[:LONGEST]!a}: use a loopback address,"
        " or start it with --allow-host and that name\n"
    )
    body = text.encode()
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("X-Content-Type-Options", "nosniff"),
    ]
    start_response("421 Misdirected Request", headers)
    return [body]
