"""Artifact stores in a folder that all nodes see, or in a bucket, built on Optuna's stores.

An artifact is complete or absent: a file in a folder appears by one rename, an object in a bucket
by one request. Errors of disks and networks are raised as :class:`ArtifactFailure`. S3 credentials
come from boto3's own sources (variables, files, instance roles).
"""

import contextlib
import io
import os
import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from optuna.artifacts import Boto3ArtifactStore, FileSystemArtifactStore
from optuna.artifacts.exceptions import ArtifactNotFound

from storage.artifacts import Artifacts
from storage.errors import ArtifactFailure, ArtifactPlaceError

__all__ = ["check_writable", "open_artifacts"]

BUCKET = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?")
#: A store that does not answer blocks a worker for about a minute at most.
CONNECT_SECONDS, READ_SECONDS, TRIES = 5, 20, 2


def open_artifacts(place: str) -> Artifacts:
    """Open the store at a place, without connecting yet.

    Args:
        place: A folder, or ``s3://BUCKET/PREFIX``.

    Raises:
        ArtifactPlaceError: If it is neither, or boto3 is missing.
    """
    if "://" not in place:
        return _Folder(Path(place))
    found = BUCKET.fullmatch(place)
    if found is None:
        raise ArtifactPlaceError(
            f"--artifacts {place} is not a valid place: give a folder or s3://BUCKET/PREFIX"
        )
    return _Bucket(found[1], (found[2] or "").strip("/"))


def check_writable(artifacts: Artifacts, place: str) -> None:
    """Refuse a place that cannot be written to.

    Raises:
        ArtifactPlaceError: If writing fails; the message is one line with the reason.
    """
    name = f"writable-{socket.gethostname()}-{os.getpid()}"
    try:
        artifacts.write(name, io.BytesIO(b"writable"))
        artifacts.remove(name)
    except ArtifactFailure as error:
        raise ArtifactPlaceError(
            f"--artifacts {place} cannot be used ({error}): give a writable place"
        ) from error


class _Folder:
    """A folder; a file is flushed to disk and then appears by a rename."""

    def __init__(self, root: Path) -> None:
        self._root, self._store = root, FileSystemArtifactStore(root)

    def open_reader(self, artifact_id: str) -> BinaryIO:
        with _translated():
            return self._store.open_reader(artifact_id)

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        name = f"{artifact_id}.{socket.gethostname()}-{os.getpid()}.tmp"
        temporary = self._root / name
        with _translated():
            try:
                temporary.parent.mkdir(parents=True, exist_ok=True)
                self._store.write(name, content_body)
                _flush(temporary)
                temporary.replace(self._root / artifact_id)
                _flush(temporary.parent)  # the rename itself
            except OSError:
                with contextlib.suppress(OSError):
                    temporary.unlink()
                raise

    def remove(self, artifact_id: str) -> None:
        with _translated(), contextlib.suppress(ArtifactNotFound):
            self._store.remove(artifact_id)

    def discard(self, prefix: str) -> None:
        folder = (self._root / prefix).resolve()
        assert self._root.resolve() in folder.parents, "a prefix stays below its root"
        with _translated(), contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder)


class _Bucket:
    """A bucket of S3, or of a service with the same protocol; boto3's settings say where."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self._client, self._failures = _s3_client()
        self._store = Boto3ArtifactStore(bucket, self._client)
        self._bucket, self._prefix = bucket, prefix

    def open_reader(self, artifact_id: str) -> BinaryIO:
        with self._translated():  # reads everything: the connection may break meanwhile
            return io.BytesIO(self._store.open_reader(self._key(artifact_id)).read())

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        with self._translated():
            self._store.write(self._key(artifact_id), content_body)

    def remove(self, artifact_id: str) -> None:
        with self._translated():
            self._store.remove(self._key(artifact_id))

    def discard(self, prefix: str) -> None:
        below = f"{self._key(prefix)}/"
        with self._translated():
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=below):
                for found in page.get("Contents", ()):
                    self._store.remove(found["Key"])

    def _key(self, artifact_id: str) -> str:
        return f"{self._prefix}/{artifact_id}" if self._prefix else artifact_id

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        with _translated():
            try:
                yield
            except self._failures as error:
                raise ArtifactFailure(_one_line(error)) from error


def _s3_client() -> tuple[Any, tuple[type[Exception], ...]]:
    """An S3 client, and the errors that it raises."""
    try:
        import boto3
        from boto3.exceptions import Boto3Error
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError
    except ModuleNotFoundError as error:
        raise ArtifactPlaceError(
            f"s3:// needs the package {error.name}:"
            " pip install --constraint constraints.txt --editable '.[s3]'"
        ) from error
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"max_attempts": TRIES, "mode": "standard"},
    )
    try:
        client = boto3.client("s3", config=config)
    except (BotoCoreError, ValueError) as error:
        raise ArtifactPlaceError(
            f"S3 cannot be used ({_one_line(error)}): see boto3's own settings, AWS_… variables"
        ) from error
    return client, (BotoCoreError, ClientError, Boto3Error)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Raise errors of the disk, and of missing artifacts, as :class:`ArtifactFailure`."""
    try:
        yield
    except ArtifactNotFound as error:
        raise ArtifactFailure("there is no such artifact") from error
    except OSError as error:
        raise ArtifactFailure(error.strerror or _one_line(error)) from error


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
