"""Checkpoints of a study in an artifact store, so that any node can resume from them.

A checkpoint is two artifacts below ``trial-00012/attempt-2-epoch-5/evaluation-0004``: its tensors,
written first, and its record, which holds the tensors' checksum. Nothing is ever overwritten. A
checkpoint is valid only if PostgreSQL refers to it: the record's checksum is stored there with the
report. A run therefore never resumes from a missing, truncated or modified checkpoint, nor from
one that a replaced driver left behind.
"""

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path

from search.records.stored_checkpoint import StoredCheckpoint
from storage.artifacts import Artifacts
from storage.errors import ArtifactFailure
from trainer.engine.checkpoint import RECORD_NAME, read_record
from trainer.errors import CheckpointError

__all__ = ["ArtifactCheckpointPlace", "ArtifactCheckpointStore"]

TENSORS_NAME = "state.safetensors"


@dataclass(frozen=True, kw_only=True)
class ArtifactCheckpointPlace:
    """Where a study's artifact store is; holds no secret."""

    #: A folder, or ``s3://BUCKET/PREFIX``.
    place: str
    #: Name of the study's folder in it.
    study: str

    def open(self) -> "ArtifactCheckpointStore":
        """Open the artifact store, without connecting yet.

        Raises:
            ArtifactPlaceError: If the place cannot be used.
        """
        from storage.artifact_places import open_artifacts  # lazily: it imports boto3

        return ArtifactCheckpointStore(open_artifacts(self.place), self.study)


class ArtifactCheckpointStore:
    """The checkpoints of one study in an artifact store."""

    def __init__(self, artifacts: Artifacts, study: str) -> None:
        """Use the study's part of the store, without connecting yet."""
        self._artifacts, self._study = artifacts, study

    def put(self, folder: Path, *, attempt: str, evaluation: int) -> StoredCheckpoint:
        """Upload the checkpoint in a folder.

        Args:
            folder: A checkpoint as the trainer writes it.
            attempt: Trial and attempt, such as ``trial-00012/attempt-2-epoch-5``.
            evaluation: Number of evaluations in it.

        Raises:
            CheckpointError: If the folder holds no checkpoint.
            ArtifactFailure: If the upload failed; nothing refers to the parts already written.
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
        """Download a checkpoint into a folder, from which the trainer can read it.

        Raises:
            CheckpointError: If it is damaged.
            ArtifactFailure: If it is missing, or cannot be read or written.
        """
        document = self._read(f"{stored.place}/{RECORD_NAME}")
        if _checksum(document) != stored.checksum:
            raise CheckpointError(
                f"the stored checkpoint {stored.place} is damaged (wrong checksum): use another"
                " checkpoint or start again"
            )
        name = Path(json.loads(document)["state"]["file"]).name
        try:
            (folder / name).write_bytes(self._read(f"{stored.place}/{TENSORS_NAME}"))
            (folder / RECORD_NAME).write_bytes(document)
        except OSError as error:
            raise ArtifactFailure(f"cannot write {folder} ({error.strerror})") from error

    def discard(self, place: str) -> None:
        """Delete a checkpoint, or all checkpoints of a trial or an attempt, if there are any.

        Raises:
            ArtifactFailure: If they cannot be deleted now.
        """
        self._artifacts.discard(f"{self._study}/{place}")

    def _write(self, name: str, data: bytes) -> None:
        self._artifacts.write(f"{self._study}/{name}", io.BytesIO(data))

    def _read(self, name: str) -> bytes:
        with self._artifacts.open_reader(f"{self._study}/{name}") as reader:
            return reader.read()


def _checksum(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=32).hexdigest()
