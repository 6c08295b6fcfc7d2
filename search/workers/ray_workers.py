"""The workers of a search on Ray: the cluster is started or joined, and left again."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from search.checkpoints.artifact_store import ArtifactCheckpointPlace
from search.config.configuration import LaunchConfig
from search.machine.run_options import RunOptions
from search.workers.cluster import ray_cluster
from search.workers.pool import Pool
from search.workers.ray_pool import RayPool
from search.workers.worker import WorkerSetup

__all__ = ["ray_workers"]


@contextlib.contextmanager
def ray_workers(
    config: LaunchConfig,
    options: RunOptions,
    *,
    bank: Path,
    artifact_store: ArtifactCheckpointPlace | None,
    stopped: Callable[[], bool],
    say: Callable[[str], None],
) -> Iterator[Pool]:
    """Ray, and this search's workers on it.

    Args:
        config: The study's configuration.
        options: Where and on what to run.
        bank: Folder of the features that the workers train on.
        artifact_store: Where checkpoints are kept for other nodes; None for nowhere.
        stopped: Whether the search was asked to stop meanwhile.
        say: Prints a line.

    Raises:
        ClusterError: If the cluster cannot be reached, or lacks what the workers need.
    """
    machine = options.machine
    setup = WorkerSetup(
        config=config.train, bank=str(bank), device=machine.device, artifact_store=artifact_store
    )
    connection = ray_cluster(
        machine,
        address=options.ray_address,
        wait=options.sharing.wait,
        stopped=stopped,
        say=say,
    )
    with connection as cluster:
        yield RayPool(
            setup,
            cluster,
            count=machine.workers,
            gpu_share=cluster.gpu_share,
            patience=options.patience,
        )
