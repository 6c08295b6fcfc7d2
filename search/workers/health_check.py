"""Whether somebody still answers at an address, found out without waiting for it.

Ray tells its driver nothing when the head of its cluster dies, and what asks the head for
something then waits for it for a day. So a thread of ours knocks at the doors that matter.
"""

import socket
import threading
from collections.abc import Mapping

__all__ = ["Probe"]

LOOK_SECONDS = 1.0  # between two looks
ANSWER_SECONDS = 5.0  # that an answer may take
#: What a look counts, and what is enough: a door that is shut twice, or silence for 20 s, as a
#: network may be cut for a while that comes back.
SHUT, SILENT, ENOUGH = 2, 1, 4

Door = tuple[str, int]


class Probe:
    """Knocks at doors, each a host and a port, until it is closed."""

    def __init__(self, ports: Mapping[str, Door], *, seconds: float = LOOK_SECONDS) -> None:
        """Start to knock.

        Args:
            ports: What is behind each, for people, and where it is.
            seconds: Between two looks.
        """
        self._ports, self._seconds = dict(ports), seconds
        self._evidence = dict.fromkeys(ports, 0)
        self._gone: str | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="probe", daemon=True)
        self._thread.start()

    @property
    def gone(self) -> str | None:
        """What is gone, and where; None while all answer. Never waits."""
        return self._gone

    def look(self) -> str | None:
        """Look now: a door that is shut is believed at once. Waits for an answer, but not long."""
        for name, door in self._ports.items():
            if _knock(door) == SHUT:
                self._gone = self._gone or _text(name, door)
        return self._gone

    def close(self) -> None:
        """Knock no more; a look under way is not waited for."""
        self._closing.set()

    def _run(self) -> None:
        while not self._closing.wait(self._seconds):
            for name, door in self._ports.items():
                found = _knock(door)
                self._evidence[name] = self._evidence[name] + found if found else 0
                if self._evidence[name] >= ENOUGH:
                    self._gone = self._gone or _text(name, door)


def _knock(door: Door) -> int:
    """0 if it opens, else what that counts."""
    try:
        socket.create_connection(door, timeout=ANSWER_SECONDS).close()
    except ConnectionError:
        return SHUT
    except OSError:  # nobody says anything, or the way there is cut
        return SILENT
    return 0


def _text(name: str, door: Door) -> str:
    return f"{name} at {door[0]}:{door[1]} does not answer"
