"""Sends the feature cache of the driver's node to other nodes, through Ray's object store.

Nodes cannot call the driver itself, so an actor on its node reads the files. It sends them in
pieces: the object store never holds more than a few pieces per node, however large the cache. This
module does not import the trainer, which keeps the actor small.
"""

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import ray
from numpy.typing import NDArray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from search.errors import ClusterError, first_line

__all__ = ["RemoteFeatureCache", "serve_feature_cache"]

PIECE = 8 * 2**20  # bytes
AHEAD = 4  # pieces that are requested before they are needed
MANIFEST = "manifest.json"


def serve_feature_cache(folder: Path) -> Any:
    """Start an actor on this node that reads the feature cache; it ends with this process."""
    here: str = ray.get_runtime_context().get_node_id()
    actor: Any = ray.remote(_Server)
    return actor.options(
        num_cpus=0,
        max_concurrency=AHEAD,
        scheduling_strategy=NodeAffinitySchedulingStrategy(here, soft=False),
    ).remote(str(folder))


class RemoteFeatureCache:
    """The driver's feature cache, as seen from another node."""

    def __init__(self, server: Any) -> None:
        """Connect to the actor that :func:`serve_feature_cache` started."""
        self._server = server

    def manifest(self) -> str:
        """The text of its manifest.

        Raises:
            ClusterError: If the driver's node does not send it.
        """
        text: str = _received(self._server.manifest.remote())
        return text

    def pieces(self, name: str, size: int) -> Iterator[memoryview]:
        """The bytes of one array's file, in order.

        Raises:
            ClusterError: If the driver's node does not send them.
        """
        starts = iter(range(0, size, PIECE))
        asked: deque[Any] = deque()
        while True:
            for start in starts:
                asked.append(self._server.piece.remote(name, start))
                if len(asked) == AHEAD:
                    break
            if not asked:
                return
            yield memoryview(_received(asked.popleft()))


class _Server:
    """Reads the files of one feature cache."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def manifest(self) -> str:
        return (self._folder / MANIFEST).read_text(encoding="utf-8")

    def piece(self, name: str, start: int) -> NDArray[np.uint8]:
        path = self._folder / f"{name}.npy"
        return np.fromfile(path, dtype=np.uint8, count=PIECE, offset=start)


def _received(reference: Any) -> Any:
    try:
        return ray.get(reference)
    except RayError as error:
        raise ClusterError(
            f"the driver's node does not send the feature cache: {first_line(error)}"
        ) from error
