"""Several hosts in one address, which libpq tries in order.

Three spellings mean the same: ``//H1:P1,H2:P2/NAME`` (libpq's), ``///NAME?host=H1,H2&port=P1,P2``
(libpq's parameters) and ``///NAME?host=H1:P1&host=H2:P2`` (SQLAlchemy's).
"""

import re
from collections.abc import Sequence
from urllib.parse import unquote

from storage.errors import AddressError

__all__ = ["hosts_from_list", "take_hosts"]

#: An address whose part between user and database has a comma.
SEVERAL = re.compile(
    r"(?P<before>[^:]+://(?:[^@/?]*@)?)(?P<hosts>[^@/?]*,[^@/?]*)(?P<after>(?:[/?].*)?)"
)
#: One host, an IPv6 address in brackets, and its port.
HOST = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<name>[^:\[\]]+))(?::(?P<port>\d*))?")
HIGHEST_PORT = 65535


def take_hosts(text: str) -> tuple[str, dict[str, str]]:
    """An address without its hosts, if it has several, and libpq's parameters for these.

    Raises:
        AddressError: If one of them cannot be read.
    """
    found = SEVERAL.fullmatch(text)
    if found is None:
        return text, {}
    return found["before"] + found["after"], hosts_from_list(found["hosts"].split(","))


def hosts_from_list(texts: Sequence[str]) -> dict[str, str]:
    """The parameters ``host`` and ``port`` of hosts that may each have a port.

    Raises:
        AddressError: If one of them cannot be read.
    """
    parts = [_part(number, text) for number, text in enumerate(texts, start=1)]
    parameters = {"host": ",".join(host for host, _ in parts)}
    if any(port for _, port in parts):
        parameters["port"] = ",".join(port for _, port in parts)  # an empty one is the default
    return parameters


def _part(number: int, text: str) -> tuple[str, str]:
    found = HOST.fullmatch(text)
    if found is None or not 0 < int(found["port"] or 1) <= HIGHEST_PORT:
        # The text may be part of a password, so the message does not repeat it.
        raise AddressError(
            f"host {number} of the postgresql address cannot be parsed: give"
            " postgresql://USER@HOST1:PORT1,HOST2:PORT2/NAME, with IPv6 addresses in brackets"
        )
    return unquote(found["v6"] or found["name"]), found["port"] or ""
