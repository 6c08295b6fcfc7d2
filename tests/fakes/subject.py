"""The environment that the doctor examines: one worker on this machine's CPU."""

from pathlib import Path

from search.config.configuration import LaunchConfig
from search.doctor.subject import Subject
from storage.address import parse_address

__all__ = ["local_subject"]


def local_subject(folder: Path, config: LaunchConfig, *, address: str | None = None) -> Subject:
    """A subject with the preset ``rooms``; without an address, the database is in the folder."""
    return Subject(
        config=config,
        preset="rooms",
        address=parse_address(address or f"embedded:{folder / 'pg'}"),
        device="cpu",
        workers=1,
        cache=folder / "cache",
        checkpoints=folder / "checkpoints",
        ray_address=None,
        deep=False,
    )
