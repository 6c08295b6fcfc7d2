"""The launch that the doctor checks."""

from dataclasses import dataclass
from pathlib import Path

from search.config.configuration import LaunchConfig
from storage.address import Address
from trainer.console.shell import search_command, shell_text

__all__ = ["Subject"]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Settings, database, device and folders of a launch."""

    #: The resolved settings.
    config: LaunchConfig
    #: The preset that they start from.
    preset: str
    address: Address
    device: str
    workers: int | None
    #: Trials that each worker trains at the same time; None if that is to be measured.
    slots: int | None = 1
    cache: Path
    checkpoints: Path
    #: Address of the Ray cluster to join; None for a private Ray.
    ray_address: str | None
    #: Whether to start Ray and an embedded PostgreSQL, as a search does.
    deep: bool

    #: The flags that were given, with their values.
    given: tuple[tuple[str, str], ...] = ()

    def launch(self, *flag: str) -> str:
        """The command that launches it, with one flag added or replaced."""
        kept = [word for pair in self.given if pair[0] not in flag for word in pair]
        return shell_text(search_command("launch", *kept, *flag))
