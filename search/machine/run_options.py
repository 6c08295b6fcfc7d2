"""Run options: where and on what a search runs, in one record that all parts of it share."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from search.machine.reservations import SharingPolicy
from search.machine.resources import Machine
from search.machine.whose_pictures import DEFAULT_PICTURES, WhosePictures

__all__ = ["PICTURES", "Paths", "RunOptions"]

#: Folder of the pictures of all studies, beside their checkpoints.
PICTURES = "pictures"


@dataclass(frozen=True, kw_only=True)
class Paths:
    """Where a search keeps what it writes."""

    #: Folder of the feature cache.
    cache: Path
    #: Folder of the checkpoints of all studies.
    checkpoints: Path
    #: Folder or ``s3://BUCKET/PREFIX`` where checkpoints are kept for other nodes; None if none.
    artifacts: str | None = None

    @property
    def pictures(self) -> str:
        """Where pictures are kept if there is no place for artifacts; all studies share it."""
        return str(self.checkpoints / PICTURES)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Everything about a launch that is not part of the study's configuration."""

    machine: Machine
    #: Whether to measure how many slots a worker is to have, before the first trial.
    measure_slots: bool = False
    paths: Paths
    #: Address of a Ray cluster to join; None starts a local one.
    ray_address: str | None = None
    #: How to share the machine with other searches.
    sharing: SharingPolicy = field(default_factory=SharingPolicy)
    #: Seconds without PostgreSQL, or without Ray, before the search stops.
    patience: float
    #: Seconds without progress after which a worker is restarted.
    stall_timeout: float = math.inf
    #: Whether to wait as a hot standby while another process drives the study.
    standby: bool = False
    #: Which trials get pictures.
    pictures: WhosePictures = DEFAULT_PICTURES
