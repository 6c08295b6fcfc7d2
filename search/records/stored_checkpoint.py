"""A checkpoint in the artifact store, as it is written down with its trial."""

from dataclasses import dataclass
from typing import Any

__all__ = ["StoredCheckpoint"]


@dataclass(frozen=True, kw_only=True)
class StoredCheckpoint:
    """One checkpoint in the artifact store, as PostgreSQL knows it."""

    #: Where in the study's part of the store.
    place: str
    #: Evaluations in it.
    evaluation: int
    #: Of its record's bytes, BLAKE2b.
    checksum: str

    def to_json(self) -> list[Any]:
        """As it is stored with the trial."""
        return [self.place, self.evaluation, self.checksum]

    @classmethod
    def from_json(cls, stored: list[Any]) -> "StoredCheckpoint":
        """As :meth:`to_json` made it."""
        place, evaluation, checksum = stored
        return cls(place=str(place), evaluation=int(evaluation), checksum=str(checksum))
