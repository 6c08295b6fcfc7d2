"""Opens the workers of a search: starts or joins a Ray cluster, and leaves it at the end."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from search.checkpoints.artifact_store import ArtifactCheckpointPlace
from search.config.configuration import LaunchConfig
from search.machine.run_options import RunOptions
from search.workers.cluster import ray_cluster
from search.workers.picture_maker import PicturePlace
from search.workers.pool import Pool
from search.workers.ray_pool import RayPool
from search.workers.worker import WorkerSetup

__all__ = ["ray_workers"]


@contextlib.contextmanager
def ray_workers(
    config: LaunchConfig,
    options: RunOptions,
    *,
    feature_cache: Path,
    artifact_store: ArtifactCheckpointPlace | None,
    pictures: PicturePlace | None,
    stopped: Callable[[], bool],
    say: Callable[[str], None],
) -> Iterator[Pool]:
    """The pool of a search's workers on Ray, until the ``with`` block ends.

    Args:
        config: The study's configuration.
        options: Where and on what to run.
        feature_cache: Folder of the features that the workers train on.
        artifact_store: Where checkpoints are kept for other nodes; None for no such place.
        pictures: Where pictures of trials are kept; None for no pictures.
        stopped: Whether the search was asked to stop.
        say: Prints a line.

    Raises:
        ClusterError: If the cluster is unreachable, or lacks the resources for the workers.
    """
    machine = options.machine
    setup = WorkerSetup(
        config=config.train,
        feature_cache=str(feature_cache),
        device=machine.device,
        slots=machine.slots,
        artifact_store=artifact_store,
        pictures=pictures,
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
