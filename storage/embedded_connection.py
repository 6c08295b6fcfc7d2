"""How connections reach the embedded server, whatever libpq's own variables say.

libpq takes parameters that a connection does not give from variables such as ``PGPORT``. People
set those for a server of their own, so they must not redirect or restrict connections to the
embedded one.
"""

from collections.abc import Mapping

__all__ = ["PARAMETERS", "PORT", "VARIABLES"]

#: Part of the name of the server's socket.
PORT = "5432"

#: Parameters of every connection to the embedded server; an empty one stays unset.
PARAMETERS: Mapping[str, str] = {
    "port": PORT,
    "hostaddr": "",
    "options": "",
    "target_session_attrs": "any",
    "sslmode": "disable",
    "gssencmode": "disable",
    "channel_binding": "disable",
    "require_auth": "",
    "requirepeer": "",
}

#: Variables that no parameter can replace.
VARIABLES = ("PGSERVICE", "PGSSLNEGOTIATION")
