"""The reference to a checkpoint in the artifact store, as stored with its trial."""

from dataclasses import dataclass
from typing import Any

__all__ = ["CHECKPOINTS_ATTRIBUTE", "StoredCheckpoint"]

#: System attribute of a trial: its checkpoints in the artifact store that count, the newest first.
CHECKPOINTS_ATTRIBUTE = "unim2:checkpoints"


@dataclass(frozen=True, kw_only=True)
class StoredCheckpoint:
    """One checkpoint in the artifact store, as PostgreSQL refers to it."""

    #: Path in the study's part of the store.
    place: str
    #: Number of evaluations in it.
    evaluation: int
    #: BLAKE2b checksum of its record's bytes.
    checksum: str

    def to_json(self) -> list[Any]:
        """The list that is stored with the trial."""
        return [self.place, self.evaluation, self.checksum]

    @classmethod
    def from_json(cls, stored: list[Any]) -> "StoredCheckpoint":
        """The inverse of :meth:`to_json`."""
        place, evaluation, checksum = stored
        return cls(place=str(place), evaluation=int(evaluation), checksum=str(checksum))
