"""What the doctor looks at: a launch as it would be given."""

from dataclasses import dataclass
from pathlib import Path

from search.config.configuration import LaunchConfig
from storage.address import Address

__all__ = ["Subject"]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Settings and places of a launch, and how closely to look."""

    #: The resolved settings.
    config: LaunchConfig
    #: The preset they start from.
    preset: str
    address: Address
    device: str
    workers: int | None
    cache: Path
    checkpoints: Path
    #: Address of a Ray cluster to join; None starts one here.
    ray_address: str | None
    #: Whether to start what a search starts, too: Ray, and an embedded server.
    deep: bool

    @property
    def launch(self) -> str:
        """The command that it is about, for mends to add to."""
        return f"python -m search launch --preset {self.preset}"
