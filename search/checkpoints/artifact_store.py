"""Checkpoints of a study in an artifact store, for whichever node resumes from them.

A checkpoint is two artifacts below ``trial-00012/attempt-2-epoch-5/evaluation-0004``: first its
tensors, then its record, which names the tensors' checksum. Nothing is ever overwritten. What
counts is what PostgreSQL knows: the record's checksum is stored there with the report, so that
what is absent, cut short, changed or left by a driver that was replaced is never resumed from.
"""

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path

from search.records.stored_checkpoint import StoredCheckpoint
from storage.artifact_places import Artifacts, open_artifacts
from storage.errors import ArtifactFailure
from trainer.engine.checkpoint import RECORD_NAME, read_record
from trainer.errors import CheckpointError

__all__ = ["ArtifactCheckpointPlace", "ArtifactCheckpointStore"]

TENSORS_NAME = "state.safetensors"


@dataclass(frozen=True, kw_only=True)
class ArtifactCheckpointPlace:
    """Where a study's artifact store is; nothing secret."""

    #: A folder, or ``s3://BUCKET/PREFIX``.
    place: str
    #: Names the study in it.
    study: str

    def open(self) -> "ArtifactCheckpointStore":
        """The artifact store; nothing is reached yet.

        Raises:
            ArtifactPlaceError: If the place cannot be used.
        """
        return ArtifactCheckpointStore(open_artifacts(self.place), self.study)


class ArtifactCheckpointStore:
    """The checkpoints of one study."""

    def __init__(self, artifacts: Artifacts, study: str) -> None:
        """Name the study's part of the store; nothing is reached yet."""
        self._artifacts, self._study = artifacts, study

    def put(self, folder: Path, *, attempt: str, evaluation: int) -> StoredCheckpoint:
        """Keep the checkpoint that a folder holds.

        Args:
            folder: A checkpoint as the trainer writes it.
            attempt: Names trial and attempt, such as ``trial-00012/attempt-2-epoch-5``.
            evaluation: Evaluations in it.

        Raises:
            CheckpointError: If the folder holds none.
            ArtifactFailure: If it could not be kept; nothing refers to what was written of it.
        """
        place = f"{attempt}/evaluation-{evaluation:04d}"
        record = read_record(folder)
        try:
            tensors = (folder / record["state"]["file"]).read_bytes()
            document = (folder / RECORD_NAME).read_bytes()
        except OSError as error:
            raise ArtifactFailure(f"cannot read {folder} ({error.strerror})") from error
        self._write(f"{place}/{TENSORS_NAME}", tensors)
        self._write(f"{place}/{RECORD_NAME}", document)
        return StoredCheckpoint(place=place, evaluation=evaluation, checksum=_checksum(document))

    def fetch(self, stored: StoredCheckpoint, folder: Path) -> None:
        """Lay a checkpoint down in a folder, as the trainer reads it.

        Raises:
            CheckpointError: If it is damaged.
            ArtifactFailure: If it is not there, or cannot be read or laid down.
        """
        document = self._read(f"{stored.place}/{RECORD_NAME}")
        if _checksum(document) != stored.checksum:
            raise CheckpointError(
                f"the stored checkpoint {stored.place} is damaged (its checksum does not fit):"
                " use another checkpoint or start afresh"
            )
        name = Path(json.loads(document)["state"]["file"]).name
        try:
            (folder / name).write_bytes(self._read(f"{stored.place}/{TENSORS_NAME}"))
            (folder / RECORD_NAME).write_bytes(document)
        except OSError as error:
            raise ArtifactFailure(f"cannot write {folder} ({error.strerror})") from error

    def discard(self, place: str) -> None:
        """Delete a checkpoint, or all of a trial or an attempt; quiet if there is none.

        Raises:
            ArtifactFailure: If that cannot be done now.
        """
        self._artifacts.discard(f"{self._study}/{place}")

    def _write(self, name: str, data: bytes) -> None:
        self._artifacts.write(f"{self._study}/{name}", io.BytesIO(data))

    def _read(self, name: str) -> bytes:
        with self._artifacts.open_reader(f"{self._study}/{name}") as reader:
            return reader.read()


def _checksum(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=32).hexdigest()
