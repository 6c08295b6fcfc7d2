"""Ray: starts a cluster of our own, or joins one and reserves the workers' places in it.

With ``ray_pool.py`` and the worker, the only module that knows Ray. A cluster may go while it
is in use: it is probed from outside, since whatever asks Ray itself would wait for a day.
"""

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ray
from ray._private import ray_constants
from ray.util.placement_group import PlacementGroup, placement_group

from search.errors import ClusterError, Interrupted, first_line
from search.machine import VISIBLE_VARIABLE, Machine
from search.probe import Door, Probe

__all__ = ["Cluster", "check_answers", "ray_cluster", "usage_statistics"]

#: Raised so that the driver outlives the cluster's head: the default makes it exit after 60 s.
GCS_RECONNECT_SECONDS = 24 * 3600
LOOPBACK = "127.0.0.1"
ANSWER_SECONDS = 5.0  # a cluster's head takes to answer, at most
POLL_SECONDS = 1.0  # between two looks while other jobs hold the cores
PATIENCE_SECONDS = 15.0  # before that is told: what a killed search held is free in less
TOLD_SECONDS = 60.0  # between two lines that say what is waited for


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
        _quiet_environment()
        with _own_sigterm():
            _initialise(self._machine, self._address)
        try:
            self._probe = Probe(_doors())
            if self._address is not None:
                self._machine = self._machine.on_cluster(_gpus_of_all_nodes(self._machine))
            _check_room(self._machine)
            if self._address is not None:
                self.places = self._reserved(wait=wait, say=say)
        except BaseException:
            self.leave()
            raise

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
        ray.shutdown()

    def _reserved(self, *, wait: bool, say: Callable[[str], None]) -> PlacementGroup:
        """The workers' places, all of them at once, when other jobs leave them."""
        machine = self._machine
        bundle = {"CPU": 1.0, "GPU": machine.gpu_share}
        bundles = [{kind: share for kind, share in bundle.items() if share}] * machine.workers
        places: PlacementGroup = placement_group(bundles, strategy="PACK")
        due = time.monotonic() + PATIENCE_SECONDS
        while not places.wait(POLL_SECONDS):
            if self._stopped():
                raise Interrupted("stopped while waiting for free cores: `search resume` goes on")
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


def usage_statistics() -> bool:
    """Whether a Ray that is started here would report how it is used."""
    from ray._common.usage import usage_lib  # internal: only to see that the switch is heeded

    _quiet_environment()
    return bool(usage_lib.usage_stats_enabled())


def check_answers(address: str) -> None:
    """Refuse a cluster that is not there: Ray itself would try for ten minutes.

    Raises:
        ClusterError: If nothing answers at its host and port.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        return  # such as auto
    try:
        socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS).close()
    except OSError as error:
        raise ClusterError(
            f"nothing answers at --ray {address} ({error.strerror or error}): check host and port,"
            " or start the cluster's head"
        ) from error


def _initialise(machine: Machine, address: str | None) -> None:
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address is not None and address.partition(":")[0] in ("localhost", LOOPBACK):
        options |= {"_node_ip_address": LOOPBACK}  # else Ray takes the machine's own address
    if address is None:
        options |= {
            "num_cpus": machine.workers,
            "num_gpus": len(machine.gpus),
            "include_dashboard": False,
            "_node_ip_address": LOOPBACK,
        }
    try:
        if address is None:
            with _visible(machine.gpus), _on_loopback():
                ray.init(address="local", **options)
        else:
            ray.init(address=address, **options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = address or "on this machine"
        raise ClusterError(f"Ray cannot be used ({where}): {first_line(error)}") from error
    except Exception as error:
        if type(error) is not Exception:  # Ray raises this very type where it starts too slowly
            raise
        raise ClusterError(
            f"Ray did not start in time ({first_line(error)}): try again when this machine is"
            " less busy"
        ) from error


def _doors() -> dict[str, Door]:
    """Where the head and this machine's part of the cluster listen."""
    context = ray.get_runtime_context()
    host, _, port = str(context.gcs_address).rpartition(":")
    doors = {"Ray's head": (host, int(port))}
    for node in ray.nodes():  # type: ignore[no-untyped-call]
        if node["NodeID"] == context.get_node_id():
            door = (str(node["NodeManagerAddress"]), int(node["NodeManagerPort"]))
            doors["Ray's raylet"] = door
    return doors


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Ray puts its own handler of SIGTERM in place of the search's, which stops in order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)


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


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Ray puts the machine's own address for 127.0.0.1, and then listens on every address.

    It does not where it takes the machine for one that makes no clusters with others.
    """
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


@contextmanager
def _visible(gpus: Sequence[str]) -> Iterator[None]:
    """Ray hands out the GPUs that it can see when it starts."""
    before = os.environ.get(VISIBLE_VARIABLE)
    if gpus:
        os.environ[VISIBLE_VARIABLE] = ",".join(gpus)
    try:
        yield
    finally:
        if gpus and before is None:
            del os.environ[VISIBLE_VARIABLE]
        elif gpus:
            os.environ[VISIBLE_VARIABLE] = str(before)


def _quiet_environment() -> None:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_gcs_rpc_server_reconnect_timeout_s", str(GCS_RECONNECT_SECONDS))
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # Ray's own 15 lets a trainer starve beside anything else that runs; whoever wants a search
    # to step back starts it with nice.
    os.environ.setdefault("RAY_worker_niceness", "0")
