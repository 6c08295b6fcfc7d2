"""Connects this process to Ray: to a local one on loopback, or to a cluster that it joins."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray._private import ray_constants
from ray._private.node import Node

from search.errors import ClusterError, first_line
from search.machine.resources import VISIBLE_VARIABLE, Machine
from search.workers.ray_environment import name_account
from search.workers.ray_folder import find_ray_folder
from search.workers.ray_processes import end, ray_processes

__all__ = ["RAY", "THREADS_VARIABLE", "check_answers", "connect", "usage_statistics"]

#: Long enough for the driver to outlive the cluster's head; with the default it exits after 60 s.
GCS_RECONNECT_SECONDS = 24 * 3600
LOOPBACK = "127.0.0.1"
THREADS_VARIABLE = "OMP_NUM_THREADS"
#: Variables of Python with which Ray's own processes may end as they start.
STOPPING_VARIABLES = ("PYTHONOPTIMIZE", "PYTHONWARNINGS")
ANSWER_SECONDS = 5.0  # longest wait for an answer of a cluster's head
RAY = Path(ray.__file__).parent  # the folder of the programs that Ray starts
#: Methods of Ray's that start the autoscaler, the dashboard's server and the log monitor. They
#: serve people who look at a cluster; each is a Python program that imports much.
UNUSED = ("start_monitor", "start_api_server", "start_log_monitor")


class _TooSlow(ClusterError):
    """Ray gave up on a busy machine; another try may succeed."""


def connect(machine: Machine, address: str | None) -> None:
    """Start a local Ray for the machine's workers, or join a cluster.

    ``ray.shutdown()`` stops the local one, or leaves the cluster.

    Args:
        machine: The resources that a local Ray offers.
        address: Address of a cluster to join; None starts a local one on loopback.

    Raises:
        ClusterError: If it is unreachable or cannot be started.
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
    """Refuse a cluster that does not answer; Ray itself would try for ten minutes.

    Raises:
        ClusterError: If nothing answers at its host and port.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        return  # such as "auto"
    try:
        socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS).close()
    except OSError as error:
        raise ClusterError(
            f"nothing answers at --ray {address} ({error.strerror or error}): check host and port,"
            " or start the cluster's head"
        ) from error


def usage_statistics() -> bool:
    """Whether a Ray that is started here would send usage statistics."""
    from ray._common.usage import usage_lib  # internal: checks that the variable takes effect

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
            with _variables(_environment_of(machine)), _on_loopback(), _without_unused():
                ray.init(address="local", **options)
        else:
            ray.init(address=address, **options)
    except (OSError, RuntimeError, ValueError) as error:
        where = address or "on this machine"
        raise ClusterError(f"Ray cannot be used ({where}): {first_line(error)}") from error
    except Exception as error:
        if type(error) is not Exception:  # Ray raises exactly this type if it starts too slowly
            raise
        raise _TooSlow(
            f"Ray did not start in time ({first_line(error)}): try again when this machine is"
            " less busy"
        ) from error


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep the search's handler of SIGTERM, which Ray replaces by its own when it starts."""
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
    """Make Ray listen on 127.0.0.1 only.

    Otherwise it replaces that by the machine's own address and listens on all addresses, unless
    clusters of several machines are disabled.
    """
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


@contextmanager
def _without_unused() -> Iterator[None]:
    """Start no process that a search does not use; Ray has no option for that."""
    usual = {name: getattr(Node, name) for name in UNUSED}
    for name in usual:
        setattr(Node, name, _start_nothing)
    try:
        yield
    finally:
        for name, start in usual.items():
            setattr(Node, name, start)


def _start_nothing(node: Any, **options: Any) -> None:
    del node, options


def _environment_of(machine: Machine) -> dict[str, str]:
    """Variables for every process that Ray starts: the GPUs to assign, one thread per worker.

    Variables with which Ray does not start are empty, which Python takes for not set.

    An environment per actor would work, too, but then Ray does not use the worker processes
    that it has started in advance.
    """
    visible = {VISIBLE_VARIABLE: ",".join(machine.gpus)} if machine.gpus else {}
    unset = {name: "" for name in STOPPING_VARIABLES if name in os.environ}
    return {**visible, **unset, THREADS_VARIABLE: "1"}


@contextmanager
def _variables(wanted: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the length of the block."""
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _quiet_environment() -> None:
    name_account(os.environ)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_gcs_rpc_server_reconnect_timeout_s", str(GCS_RECONNECT_SECONDS))
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # Ray's default of 15 starves the trainer beside any other program. To lower the priority of a
    # search, start it with nice.
    os.environ.setdefault("RAY_worker_niceness", "0")
