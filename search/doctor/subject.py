"""What the doctor looks at: a launch as it would be given."""

from dataclasses import dataclass
from pathlib import Path

from search.config.configuration import LaunchConfig
from storage.address import Address
from trainer.console.shell import search_command, shell_text

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

    #: The flags that were given, each with its value.
    given: tuple[tuple[str, str], ...] = ()

    def launch(self, *flag: str) -> str:
        """The launch that it is about, with one flag more, or with another value of it."""
        kept = [word for pair in self.given if pair[0] not in flag for word in pair]
        return shell_text(search_command("launch", *kept, *flag))
