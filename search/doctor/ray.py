"""Ray: whether it works, reports no usage statistics, and listens on loopback only."""

import ipaddress
import os
from importlib import metadata

from search.doctor.check import Check, failed, ok
from search.doctor.listening import listening_hosts
from search.doctor.subject import Subject
from search.errors import ClusterError
from search.machine.resources import Machine
from search.workers.cluster import ray_cluster
from search.workers.connection import check_answers, usage_statistics
from search.workers.ray_folder import find_ray_folder

__all__ = ["check_ray"]


def check_ray(subject: Subject) -> Check:
    """Check the cluster to join, or whether a private Ray can start (``--deep`` starts it)."""
    version = f"Ray {metadata.version('ray')}"
    if usage_statistics():
        return failed("Ray", f"{version} reports usage statistics", "ray disable-usage-stats")
    try:
        if subject.ray_address is not None:
            check_answers(subject.ray_address)
            return ok("Ray", f"{version}; a cluster answers at {subject.ray_address}")
        folder = find_ray_folder(os.environ)
        if not subject.deep:
            place = "" if folder is None else f"; {folder.text()}"
            return ok(
                "Ray",
                f"{version}; a search starts it on 127.0.0.1 only, without usage statistics"
                f" (--deep tries it){place}",
            )
        return _started(version)
    except ClusterError as error:
        elsewhere = f"start the cluster's head, or launch without --ray: {subject.launch()}"
        again = (
            "stop other programs that keep this machine busy, then python -m search doctor --deep"
        )
        return failed("Ray", str(error), elsewhere if subject.ray_address else again)


def _started(version: str) -> Check:
    with ray_cluster(Machine(device="cpu", workers=1)):
        hosts = listening_hosts(os.getpid())
    exposed = sorted(host for host in hosts if not ipaddress.ip_address(host).is_loopback)
    if exposed:
        return failed(
            "Ray",
            f"{version} started and listens on {', '.join(exposed)}: others can reach it",
            "block those addresses with a firewall, or set RAY_AUTH_MODE=token",
        )
    return ok("Ray", f"{version} started; listens on loopback only, without usage statistics")
