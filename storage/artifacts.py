"""Artifact stores, whatever library is behind them; read-only if so requested."""

from typing import BinaryIO, Protocol

from storage.errors import NotPermitted

__all__ = ["ArtifactStore", "Artifacts", "ReadOnlyArtifacts"]


class ArtifactStore(Protocol):
    """The interface of Optuna's artifact stores."""

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """The artifact's bytes, to be read."""

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Store an artifact."""

    def remove(self, artifact_id: str) -> None:
        """Delete an artifact."""


class Artifacts(ArtifactStore, Protocol):
    """An artifact store that can delete many artifacts at once."""

    def discard(self, prefix: str) -> None:
        """Delete all artifacts below a prefix, if there are any.

        Raises:
            ArtifactFailure: If they cannot be deleted.
        """


class ReadOnlyArtifacts:
    """A read-only view of another store: writing and deleting are refused."""

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
