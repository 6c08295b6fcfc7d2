"""Hosts on one machine: separate namespaces, joined by veth pairs to a switch.

A host has a network, a host name, process numbers, ``/etc/hosts`` and ``/dev/shm`` of its own;
the file system is shared, as by NFS, but for folders that a host keeps to itself.
Nothing is named outside: each namespace lives as long as the host's first process, which ends
when its input does, so that whatever ends the test ends every host and all that runs on it.
"""

import contextlib
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["Host", "HostsRefused", "Network", "network"]

SUBNET = "10.77.0"
START_SECONDS = 120.0  # that a small program takes at most, on a busy machine
NAMESPACES = ("--net", "--uts", "--pid", "--mount")
#: The first process of a host: says its own name, keeps shared memory to itself, waits.
INIT = """
set -eu
hostname "$1"
mount -t tmpfs -o size=1g tmpfs /dev/shm
for folder in "${@:3}"; do mount -t tmpfs -o size=1g,mode=755 tmpfs "$folder"; done
mount --bind "$2" /etc/hosts
ip link set lo up
echo ready
read -r || true
"""


class HostsRefused(Exception):
    """This machine does not allow namespaces."""


class Host:
    """One host; :meth:`end` ends all its processes."""

    def __init__(
        self, name: str, address: str, *, names: Path, own_folders: Sequence[Path] = ()
    ) -> None:
        """Start it, not yet on any network.

        Args:
            name: Its host name.
            address: Its IPv4 address.
            names: Its ``/etc/hosts``.
            own_folders: Folders that it sees empty, whatever the others have there.

        Raises:
            HostsRefused: If it cannot be made here.
        """
        self.name, self.address = name, address
        self._started: list[subprocess.Popen[str]] = []
        self._first = subprocess.Popen(
            ["unshare", *NAMESPACES, "--fork", "--kill-child=SIGKILL", "--mount-proc",
             "bash", "-c", INIT, "init", name, str(names), *map(str, own_folders)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        assert self._first.stdout is not None and self._first.stderr is not None
        if self._first.stdout.readline() != "ready\n":
            message = " ".join(self._first.stderr.read().split())
            self.end()
            raise HostsRefused(f"no host can be made here: {message}")
        self.pid = self._inner()

    def start(
        self,
        command: Sequence[str | Path],
        *,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        **options: Any,
    ) -> "subprocess.Popen[str]":
        """Start a program on the host; a signal to it goes through :meth:`run` and ``kill``."""
        inside = ["bash", "-c", 'cd "$1" && shift && exec "$@"', "bash", str(folder)]
        process: subprocess.Popen[str] = subprocess.Popen(
            [*self.enter(), *inside, *map(str, command)],
            env=environment if environment is None else dict(environment),
            text=True,
            start_new_session=True,
            **options,
        )
        self._started.append(process)
        return process

    def run(self, *command: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run a short program on the host."""
        return subprocess.run(
            [*self.enter(), *command],
            capture_output=True, text=True, check=check, timeout=START_SECONDS,
        )  # fmt: skip

    def enter(self) -> list[str]:
        """The prefix that runs a command on the host."""
        return ["nsenter", "--target", str(self.pid), *NAMESPACES, "--"]

    def end(self) -> None:
        """End all processes of the host; safe to call twice."""
        self._first.kill()  # its child, the host's first process, goes with it, then all others
        self._first.wait(timeout=START_SECONDS)
        for process in self._started:
            process.wait(timeout=START_SECONDS)
        for stream in (self._first.stdin, self._first.stdout, self._first.stderr):
            assert stream is not None
            stream.close()

    def _inner(self) -> int:
        children = Path(f"/proc/{self._first.pid}/task/{self._first.pid}/children")
        return int(children.read_text().split()[0])


class Network:
    """A switch with hosts."""

    def __init__(self, folder: Path) -> None:
        """Start the switch.

        Args:
            folder: For the hosts' ``/etc/hosts``.

        Raises:
            HostsRefused: If it cannot be made here.
        """
        self.hosts: dict[str, Host] = {}
        self._names = folder / "hosts"
        self._names.write_text("127.0.0.1 localhost\n")
        self._switch = Host("switch", "", names=self._names)
        try:
            self._on_switch("ip", "link", "add", "bridge", "type", "bridge")
            self._on_switch("ip", "link", "set", "bridge", "up")
        except subprocess.CalledProcessError as error:
            self.end()
            raise HostsRefused(f"no switch can be made here: {error.stderr}") from error

    def add(self, name: str, *, own_folders: Sequence[Path] = ()) -> Host:
        """A further host, which the others reach by its name."""
        address = f"{SUBNET}.{len(self.hosts) + 2}"
        with self._names.open("a") as file:
            file.write(f"{address} {name}\n")
        host = Host(name, address, names=self._names, own_folders=own_folders)
        self.hosts[name] = host
        port = f"to-{name}"
        self._on_switch(
            *f"ip link add {port} type veth peer name eth0 netns {host.pid}".split(), inside=False
        )
        self._on_switch(*f"ip link set {port} master bridge up".split())
        host.run(*f"ip address add {address}/24 dev eth0".split())
        host.run(*"ip link set eth0 up".split())
        # Programs ask for the way to the world to learn their own address.
        host.run(*f"ip route add default via {SUBNET}.1".split())
        return host

    def cut(self, host: Host) -> None:
        """Unplug the host at the switch: packets vanish without an error."""
        self._on_switch(*f"ip link set to-{host.name} nomaster".split())

    def reconnect(self, host: Host) -> None:
        """Put the cable back."""
        self._on_switch(*f"ip link set to-{host.name} master bridge up".split())

    def end(self) -> None:
        """End all hosts."""
        for host in (*self.hosts.values(), self._switch):
            host.end()

    def _on_switch(self, *command: str, inside: bool = True) -> None:
        """Run it at the switch; with ``inside=False`` process numbers are those out here."""
        enter = self._switch.enter()
        if not inside:
            enter = ["nsenter", "--target", str(self._switch.pid), "--net", "--"]
        subprocess.run(
            [*enter, *command], capture_output=True, text=True, check=True, timeout=START_SECONDS
        )


@contextlib.contextmanager
def network(folder: Path) -> Iterator[Network]:
    """A network for the length of the block.

    Raises:
        HostsRefused: If it cannot be made here.
    """
    made = Network(folder)
    try:
        yield made
    finally:
        made.end()


def wait_until(what: str, holds: Any, *, seconds: float, every: float = 0.2) -> float:
    """Wait until ``holds()`` is true; returns the seconds that it took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, f"not within {seconds:g} s: {what}"
        time.sleep(every)
    return time.monotonic() - began
