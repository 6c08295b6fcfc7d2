"""Artifacts: the files that optuna-dashboard shows beside a study, and may not touch."""

from typing import BinaryIO, Protocol

from storage.errors import NotPermitted

__all__ = ["ArtifactStore", "ReadOnlyArtifacts"]


class ArtifactStore(Protocol):
    """What Optuna calls an artifact store."""

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """The artifact's bytes, to be read."""

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Store an artifact."""

    def remove(self, artifact_id: str) -> None:
        """Delete an artifact."""


class ReadOnlyArtifacts:
    """Another store, to be read: what writes or deletes is refused."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """The artifact's bytes, to be read."""
        return self._store.open_reader(artifact_id)

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Refused.

        Raises:
            NotPermitted: Always.
        """
        raise _refusal("stored")

    def remove(self, artifact_id: str) -> None:
        """Refused.

        Raises:
            NotPermitted: Always.
        """
        raise _refusal("deleted")


def _refusal(what: str) -> NotPermitted:
    return NotPermitted(f"no artifact is {what} here: leave out --read-only to change artifacts")
