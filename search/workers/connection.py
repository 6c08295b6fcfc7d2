"""How this process connects to Ray: to one of its own on loopback, or to one it joins."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray._private import ray_constants

from search.errors import ClusterError, first_line
from search.machine.resources import VISIBLE_VARIABLE, Machine
from search.workers.ray_environment import name_account
from search.workers.ray_folder import find_ray_folder
from search.workers.ray_processes import end, ray_processes

__all__ = ["RAY", "check_answers", "connect", "usage_statistics"]

#: Raised so that the driver outlives the cluster's head: the default makes it exit after 60 s.
GCS_RECONNECT_SECONDS = 24 * 3600
LOOPBACK = "127.0.0.1"
ANSWER_SECONDS = 5.0  # a cluster's head takes to answer, at most
RAY = Path(ray.__file__).parent  # what Ray starts lies here


class _TooSlow(ClusterError):
    """Ray gave up: on a machine that is this busy the next try may do."""


def connect(machine: Machine, address: str | None) -> None:
    """Start a Ray for the machine's workers, or join one; ``ray.shutdown()`` ends or leaves it.

    Args:
        machine: What a Ray of our own offers.
        address: Address of a cluster to join; None starts one of our own on loopback.

    Raises:
        ClusterError: If it cannot be reached or started.
    """
    _quiet_environment()
    for last in (False, False, True):
        before = ray_processes(RAY)
        try:
            with _own_sigterm():
                _initialise(machine, address)
            return
        except _TooSlow:
            half_started = ray_processes(RAY)
            end({pid: half_started[pid] for pid in half_started.keys() - before.keys()})
            if last:
                raise


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


def usage_statistics() -> bool:
    """Whether a Ray that is started here would report how it is used."""
    from ray._common.usage import usage_lib  # internal: only to see that the switch is heeded

    _quiet_environment()
    return bool(usage_lib.usage_stats_enabled())


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
        own = find_ray_folder(os.environ)
        options |= {} if own is None else {"_temp_dir": str(own.path)}
    try:
        if address is None:
            with _visible(machine.gpus), _on_loopback():
                ray.init(address="local", **options)
        else:
            ray.init(address=address, **options)
    except (OSError, RuntimeError, ValueError) as error:
        where = address or "on this machine"
        raise ClusterError(f"Ray cannot be used ({where}): {first_line(error)}") from error
    except Exception as error:
        if type(error) is not Exception:  # Ray raises this very type where it starts too slowly
            raise
        raise _TooSlow(
            f"Ray did not start in time ({first_line(error)}): try again when this machine is"
            " less busy"
        ) from error


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
    name_account(os.environ)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_gcs_rpc_server_reconnect_timeout_s", str(GCS_RECONNECT_SECONDS))
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # Ray's own 15 lets a trainer starve beside anything else that runs; whoever wants a search
    # to step back starts it with nice.
    os.environ.setdefault("RAY_worker_niceness", "0")
