"""Starts a local Ray cluster, or joins one and reserves resources for the workers in it.

A cluster may disappear while it is in use. It is therefore checked from outside Ray, because calls
of Ray itself would wait for its head for a day.
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
from search.workers.health_check import Endpoint, HealthCheck
from search.workers.ray_processes import end, ray_processes

__all__ = [
    "Cluster",
    "joined",
    "on_head",
    "ray_cluster",
]

POLL_SECONDS = 1.0  # between two checks while other jobs hold the cores
PATIENCE_SECONDS = 15.0  # before the first line says so: a killed search frees its cores sooner
REPEAT_SECONDS = 60.0  # between two such lines
HEAD = "node:__internal_head__"  # Ray's name for the node of the cluster's head
HEAD_SECONDS = 120.0  # for a process to start on the head and to run its function


class Cluster:
    """This process's connection to a Ray cluster; after an outage it can be re-established."""

    def __init__(
        self, machine: Machine, *, address: str | None, stopped: Callable[[], bool]
    ) -> None:
        """Prepare to connect.

        Args:
            machine: The resources of the workers: one core and a share of a GPU each.
            address: Address of a cluster to join; None starts a local one on loopback.
            stopped: Whether the search was asked to stop, which ends the waiting.
        """
        self._machine, self._address, self._stopped = machine, address, stopped
        self._health: HealthCheck | None = None
        self._processes: dict[int, int] = {}
        #: The workers' resources in a joined cluster, reserved all at once, so that two searches
        #: never hold half of their workers each; None in a local cluster.
        self.places: PlacementGroup | None = None

    def connect(self, *, wait: bool, say: Callable[[str], None]) -> None:
        """Start or join the cluster.

        Args:
            wait: Whether to wait for resources that other jobs of a joined cluster hold.
            say: Prints a line while waiting.

        Raises:
            ClusterError: If it is unreachable, cannot be started, or has too few resources.
            Interrupted: If ``stopped`` becomes true while waiting; the launch adds the command
                that continues.
        """
        connect(self._machine, self._address)
        try:
            self._health = HealthCheck(_ports())
            if self._address is not None:
                self._machine = self._machine.on_cluster(_gpus_of_all_nodes(self._machine))
            _check_room(self._machine)
            if self._address is not None:
                self.places = self._reserved(wait=wait, say=say)
        except BaseException:
            self.leave()
            raise

    def note_processes(self) -> None:
        """Record the processes of a local Ray, whose agents start later than Ray itself."""
        if self._address is None:
            self._processes |= ray_processes(RAY)

    def return_(self) -> bool:
        """Try once to reconnect after an outage; returns whether that worked."""
        try:
            if self._address is not None:
                check_answers(self._address)
            self.connect(wait=True, say=lambda text: None)
        except (ClusterError, Interrupted):
            return False
        return True

    @property
    def gpu_share(self) -> float:
        """GPUs per worker."""
        return self._machine.gpu_share

    @property
    def gone(self) -> str | None:
        """Which part of it does not answer, as last checked; None if all do. Never waits."""
        return None if self._health is None else self._health.gone

    def check(self) -> str | None:
        """Like :attr:`gone`, but checked now; call it before anything that needs the head."""
        return None if self._health is None else self._health.check()

    def leave(self) -> None:
        """Disconnect; a local cluster ends. Safe to call twice, and during an outage."""
        if self._health is not None:
            self._health.close()
        self._health, self.places = None, None
        self.note_processes()
        ray.shutdown()
        end(self._processes)  # a killed raylet leaves its agents behind
        self._processes = {}

    def _reserved(self, *, wait: bool, say: Callable[[str], None]) -> PlacementGroup:
        """Reserve the resources of all workers at once, as soon as other jobs free them."""
        machine = self._machine
        bundle = {"CPU": 1.0, "GPU": machine.gpu_share}
        bundles = [{kind: share for kind, share in bundle.items() if share}] * machine.workers
        places: PlacementGroup = placement_group(bundles, strategy="PACK")
        due = time.monotonic() + PATIENCE_SECONDS
        while not places.wait(POLL_SECONDS):
            if self._stopped():
                raise Interrupted("stopped while waiting for free cores")
            if gone := self.check():
                raise ClusterError(f"{gone}: restart the cluster's head")
            if time.monotonic() < due:
                continue
            text = f"the Ray cluster has {_free_text(machine)}; other jobs hold the rest"
            if not wait:
                raise ClusterError(f"{text}: give --wait, a smaller --workers, or add nodes")
            say(f"waiting for free cores: {text}")
            due = time.monotonic() + REPEAT_SECONDS
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
    """A connected cluster that is left when the block ends; see :class:`Cluster`."""
    cluster = Cluster(machine, address=address, stopped=stopped)
    cluster.connect(wait=wait, say=say)
    try:
        yield cluster
    finally:
        cluster.leave()


@contextmanager
def joined(address: str) -> Iterator[str]:
    """Join a cluster until the block ends, without reserving resources in it.

    Yields:
        The address of its head, as its nodes use it.

    Raises:
        ClusterError: If it is unreachable.
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
            f"the cluster's head did not respond within {HEAD_SECONDS:.0f} s: check its node"
        )
    try:
        return ray.get(reference)
    except RayError as error:
        cause = getattr(error, "cause", None) or error
        raise ClusterError(f"the cluster's head: {first_line(cause)}") from error


def _ports() -> dict[str, Endpoint]:
    """The addresses at which the head and this machine's raylet listen."""
    context = ray.get_runtime_context()
    host, _, port = str(context.gcs_address).rpartition(":")
    ports = {"Ray's head": (host, int(port))}
    for node in ray.nodes():  # type: ignore[no-untyped-call]
        if node["NodeID"] == context.get_node_id():
            endpoint = (str(node["NodeManagerAddress"]), int(node["NodeManagerPort"]))
            ports["Ray's raylet"] = endpoint
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
    """Refuse a cluster that is too small for all workers: the search would wait for ever."""
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
