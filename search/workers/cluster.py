"""Ray: starts a cluster of our own, or joins one and reserves the workers' places in it.

With ``ray_pool.py`` and the worker, the only module that knows Ray. A cluster may go while it
is in use: it is probed from outside, since whatever asks Ray itself would wait for a day.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.placement_group import PlacementGroup, placement_group

from search.errors import ClusterError, Interrupted, first_line
from search.machine.resources import Machine
from search.workers.connection import RAY, check_answers, connect
from search.workers.health_check import Door, Probe
from search.workers.ray_processes import end, ray_processes

__all__ = [
    "Cluster",
    "joined",
    "on_head",
    "ray_cluster",
]

POLL_SECONDS = 1.0  # between two looks while other jobs hold the cores
PATIENCE_SECONDS = 15.0  # before that is told: what a killed search held is free in less
TOLD_SECONDS = 60.0  # between two lines that say what is waited for
HEAD = "node:__internal_head__"  # what Ray calls the node of the cluster's head
HEAD_SECONDS = 120.0  # for a process to start there, and to do what it was sent for


class Cluster:
    """Ray, as this process uses it; it may go, and be had again."""

    def __init__(
        self, machine: Machine, *, address: str | None, stopped: Callable[[], bool]
    ) -> None:
        """Prepare to connect.

        Args:
            machine: What the workers take; a core each, and their share of a GPU.
            address: Address of a cluster to join; None starts one of our own on loopback.
            stopped: Whether waiting is to end.
        """
        self._machine, self._address, self._stopped = machine, address, stopped
        self._probe: Probe | None = None
        self._processes: dict[int, int] = {}
        #: The workers' places in a joined cluster, reserved together, so that two searches on it
        #: never hold half of their workers each; None in our own.
        self.places: PlacementGroup | None = None

    def connect(self, *, wait: bool, say: Callable[[str], None]) -> None:
        """Start or join it.

        Args:
            wait: Whether to wait for what other jobs of a joined cluster hold.
            say: Tells of waiting.

        Raises:
            ClusterError: If it cannot be reached or started, or has no room.
            Interrupted: If ``stopped`` while waiting.
        """
        connect(self._machine, self._address)
        try:
            self._probe = Probe(_ports())
            if self._address is not None:
                self._machine = self._machine.on_cluster(_gpus_of_all_nodes(self._machine))
            _check_room(self._machine)
            if self._address is not None:
                self.places = self._reserved(wait=wait, say=say)
        except BaseException:
            self.leave()
            raise

    def note_processes(self) -> None:
        """Note what runs of our own Ray: its agents start after it does, before any worker."""
        if self._address is None:
            self._processes |= ray_processes(RAY)

    def return_(self) -> bool:
        """Try once to have it again after it went; whether it is there."""
        try:
            if self._address is not None:
                check_answers(self._address)
            self.connect(wait=True, say=lambda text: None)
        except (ClusterError, Interrupted):
            return False
        return True

    @property
    def gpu_share(self) -> float:
        """GPUs that each worker takes."""
        return self._machine.gpu_share

    @property
    def gone(self) -> str | None:
        """What of it is gone; None while it is there. Never waits."""
        return None if self._probe is None else self._probe.gone

    def look(self) -> str | None:
        """The same, found out now: to be asked before anything that needs the head."""
        return None if self._probe is None else self._probe.look()

    def leave(self) -> None:
        """Disconnect; our own ends with all workers. Safe to call twice, and when it is gone."""
        if self._probe is not None:
            self._probe.close()
        self._probe, self.places = None, None
        self.note_processes()
        ray.shutdown()
        end(self._processes)  # a raylet that was killed leaves its agents behind
        self._processes = {}

    def _reserved(self, *, wait: bool, say: Callable[[str], None]) -> PlacementGroup:
        """The workers' places, all of them at once, when other jobs leave them."""
        machine = self._machine
        bundle = {"CPU": 1.0, "GPU": machine.gpu_share}
        bundles = [{kind: share for kind, share in bundle.items() if share}] * machine.workers
        places: PlacementGroup = placement_group(bundles, strategy="PACK")
        due = time.monotonic() + PATIENCE_SECONDS
        while not places.wait(POLL_SECONDS):
            if self._stopped():
                raise Interrupted(
                    "stopped while waiting for free cores: `python -m search resume` goes on"
                )
            if gone := self.look():
                raise ClusterError(f"{gone}: start the cluster's head again")
            if time.monotonic() < due:
                continue
            text = f"the Ray cluster has {_free_text(machine)}, other jobs hold the rest"
            if not wait:
                raise ClusterError(f"{text}: give --wait, a smaller --workers, or add nodes")
            say(f"waiting for free cores: {text}")
            due = time.monotonic() + TOLD_SECONDS
        return places


@contextmanager
def ray_cluster(
    machine: Machine,
    *,
    address: str | None = None,
    wait: bool = False,
    stopped: Callable[[], bool] = lambda: False,
    say: Callable[[str], None] = lambda text: None,
) -> Iterator[Cluster]:
    """A running Ray for the length of the block; for the arguments and errors see above."""
    cluster = Cluster(machine, address=address, stopped=stopped)
    cluster.connect(wait=wait, say=say)
    try:
        yield cluster
    finally:
        cluster.leave()


@contextmanager
def joined(address: str) -> Iterator[str]:
    """A cluster joined for the length of the block, to use no place on it.

    Yields:
        The address of its head, as its nodes call it.

    Raises:
        ClusterError: If it cannot be reached.
    """
    check_answers(address)
    connect(Machine(device="cpu", workers=1), address)
    try:
        yield str(ray.get_runtime_context().gcs_address)
    finally:
        ray.shutdown()


def on_head(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function on the node of the cluster's head.

    Raises:
        ClusterError: If it raises, or does not answer in time.
    """
    options: dict[str, Any] = {"num_cpus": 0, "resources": {HEAD: 0.001}, "max_retries": 0}
    remote: Any = ray.remote(function)
    reference = remote.options(**options).remote(*arguments)
    if not ray.wait([reference], timeout=HEAD_SECONDS)[0]:
        raise ClusterError(
            f"the cluster's head did nothing within {HEAD_SECONDS:.0f} s: look at its node"
        )
    try:
        return ray.get(reference)
    except RayError as error:
        cause = getattr(error, "cause", None) or error
        raise ClusterError(f"the cluster's head: {first_line(cause)}") from error


def _ports() -> dict[str, Door]:
    """Where the head and this machine's part of the cluster listen."""
    context = ray.get_runtime_context()
    host, _, port = str(context.gcs_address).rpartition(":")
    ports = {"Ray's head": (host, int(port))}
    for node in ray.nodes():  # type: ignore[no-untyped-call]
        if node["NodeID"] == context.get_node_id():
            door = (str(node["NodeManagerAddress"]), int(node["NodeManagerPort"]))
            ports["Ray's raylet"] = door
    return ports


def _gpus_of_all_nodes(machine: Machine) -> int:
    total: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    gpus = int(total.get("GPU", 0))
    if machine.device == "cuda" and not gpus:
        raise ClusterError(
            "the Ray cluster has no GPU: start workers on hosts with GPUs, or give --device cpu"
        )
    return gpus


def _check_room(machine: Machine) -> None:
    """Refuse a cluster that could never hold all workers: they would be waited for, for ever."""
    total: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    for kind, needed in _needs(machine).items():
        if total.get(kind, 0.0) < needed:
            raise ClusterError(
                f"the Ray cluster has {total.get(kind, 0.0):g} {kind}, {machine.workers} workers"
                f" need {needed:g}: give a smaller --workers or add nodes"
            )


def _needs(machine: Machine) -> dict[str, float]:
    return {
        "CPU": float(machine.workers),
        "GPU": float(min(len(machine.gpus), machine.workers)),
    }


def _free_text(machine: Machine) -> str:
    """Such as ``1 of 4 CPU free, 2 are needed``."""
    total: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    free: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]
    return " and ".join(
        f"{free.get(kind, 0.0):g} of {total.get(kind, 0.0):g} {kind} free, {needed:g} are needed"
        for kind, needed in _needs(machine).items()
        if needed
    )
