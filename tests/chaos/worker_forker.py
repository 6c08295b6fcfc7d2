"""A process that forks workers on request, so that the driver never forks with a database open.

It is forked itself before the driver opens anything. When the driver is gone, the
workers train for some seconds longer, as on Ray, and are then ended.
"""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe
from multiprocessing.reduction import recv_handle, send_handle

__all__ = ["Serve", "WorkerForker"]

#: How long workers outlive their driver.
GRACE_SECONDS = 2.0
POLL_SECONDS = 0.5

#: The function that a worker runs, with its name, its connection and what it was given.
Serve = Callable[[str, Connection, object], None]


class WorkerForker:
    """The driver's end: asks for workers."""

    def __init__(self, serve: Serve) -> None:
        """Fork the forker; nothing that is opened later is inherited by a worker."""
        self._control, theirs = Pipe()
        pid = os.fork()
        if pid == 0:
            self._control.close()
            _fork_until_closed(theirs, serve)
        theirs.close()
        #: Its process, the parent of all workers.
        self.pid = pid

    def start(self, name: str, given: object) -> Connection:
        """Fork a worker; returns its connection."""
        ours, theirs = socket.socketpair()
        self._control.send((name, given))
        send_handle(self._control, theirs.fileno(), self.pid)
        theirs.close()
        return Connection(ours.detach())

    def close(self) -> None:
        """End the forker and all workers, at once."""
        self._control.send(None)
        os.waitpid(self.pid, 0)
        self._control.close()


def _fork_until_closed(control: Connection, serve: Serve) -> None:
    """Fork until the driver closes its end or dies."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    workers: list[int] = []
    while True:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not control.poll(POLL_SECONDS):
            continue
        try:
            request = control.recv()
            if request is None:
                break
            handle = recv_handle(control)
        except (EOFError, OSError):
            time.sleep(GRACE_SECONDS)
            break
        pid = os.fork()
        if pid == 0:
            control.close()
            _work(Connection(handle), serve, *request)
        os.close(handle)
        workers.append(pid)
    for worker in workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
    os._exit(0)


def _work(connection: Connection, serve: Serve, name: str, given: object) -> None:
    with open("/proc/self/comm", "w", encoding="ascii") as comm:
        comm.write(name)  # by which faults find workers to kill
    try:
        serve(name, connection, given)
    finally:
        os._exit(0)
