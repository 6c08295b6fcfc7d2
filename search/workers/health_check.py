"""Health checks: whether addresses still answer, without blocking the caller.

Ray does not notify its driver when the head of the cluster dies, and calls that need the head then
wait for a day. A thread therefore pings the ports of the cluster.
"""

import socket
import threading
from collections.abc import Mapping

__all__ = ["HealthCheck"]

CHECK_SECONDS = 1.0  # between two checks
ANSWER_SECONDS = 5.0  # longest wait for an answer
#: Points per failed check, and the points from which a port counts as gone: two refused
#: connections, or four checks (20 s) without an answer, as networks may be cut off for a while.
REFUSED, SILENT, ENOUGH = 2, 1, 4

Endpoint = tuple[str, int]


class HealthCheck:
    """Pings ports from a thread until it is closed."""

    def __init__(self, ports: Mapping[str, Endpoint], *, seconds: float = CHECK_SECONDS) -> None:
        """Start the thread.

        Args:
            ports: Host and port by the name of what listens there, such as ``Ray's head``.
            seconds: Seconds between two checks.
        """
        self._ports, self._seconds = dict(ports), seconds
        self._evidence = dict.fromkeys(ports, 0)
        self._gone: str | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="health check", daemon=True)
        self._thread.start()

    @property
    def gone(self) -> str | None:
        """Which port is gone, as last checked; None while all answer. Never waits."""
        return self._gone

    def check(self) -> str | None:
        """Check now, for a few seconds at most; one refused connection is enough."""
        for name, endpoint in self._ports.items():
            if _ping(endpoint) == REFUSED:
                self._gone = self._gone or _text(name, endpoint)
        return self._gone

    def close(self) -> None:
        """Stop the thread, without waiting for a running check."""
        self._closing.set()

    def _run(self) -> None:
        while not self._closing.wait(self._seconds):
            for name, endpoint in self._ports.items():
                found = _ping(endpoint)
                self._evidence[name] = self._evidence[name] + found if found else 0
                if self._evidence[name] >= ENOUGH:
                    self._gone = self._gone or _text(name, endpoint)


def _ping(endpoint: Endpoint) -> int:
    """0 if the port accepts a connection, else the points of the failure."""
    try:
        socket.create_connection(endpoint, timeout=ANSWER_SECONDS).close()
    except ConnectionError:
        return REFUSED
    except OSError:  # no answer, or no route to the host
        return SILENT
    return 0


def _text(name: str, endpoint: Endpoint) -> str:
    return f"{name} at {endpoint[0]}:{endpoint[1]} does not answer"
