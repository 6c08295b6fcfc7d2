"""Artifacts in several places: each is read from the first place that has it."""

from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

from storage.artifact_places import open_artifacts
from storage.artifacts import Artifacts
from storage.errors import ArtifactFailure, ArtifactPlaceError

__all__ = ["ArtifactLookup"]


class ArtifactLookup:
    """An artifact store over the places that studies name; places may be added at any time."""

    def __init__(self, find_places: Callable[[], Sequence[str]], *, first: str) -> None:
        """Prepare; nothing is opened yet.

        Args:
            find_places: The places where artifacts may be, now.
            first: The place to look first, and to write new artifacts to.
        """
        self._find_places, self._first = find_places, first
        self._opened: dict[str, Artifacts] = {}

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """The artifact's bytes, to be read.

        Raises:
            ArtifactFailure: If no place has it.
        """
        for store in self._stores():
            try:
                return store.open_reader(artifact_id)
            except ArtifactFailure:
                continue
        raise ArtifactFailure(f"no place has the artifact {artifact_id}")

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Store an artifact in the first place."""
        self._open(self._first).write(artifact_id, content_body)

    def remove(self, artifact_id: str) -> None:
        """Delete an artifact wherever it is."""
        for store in self._stores():
            store.remove(artifact_id)

    def _stores(self) -> Iterator[Artifacts]:
        """The stores, those opened before first: they most likely have what is asked for."""
        tried = [self._first, *self._opened]
        for place in dict.fromkeys(tried):
            yield self._open(place)
        for place in self._find_places():
            if place not in tried:
                try:
                    yield self._open(place)
                except ArtifactPlaceError:  # of another installation, such as one with boto3
                    continue

    def _open(self, place: str) -> Artifacts:
        if place not in self._opened:
            self._opened[place] = open_artifacts(place)
        return self._opened[place]
