"""Checkpoints on disk: a folder that is complete or absent, never half written.

``checkpoint.json`` is the checkpoint: it names its tensor file (safetensors) and that file's
checksum. A new checkpoint writes its tensors under a new name and flushes them to disk. It takes
effect when its JSON file replaces the older one in a single rename; only then are the older
tensors removed. A process killed at any moment leaves either the old checkpoint or the new one.
Reading verifies the checksums of both files.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from trainer.errors import CheckpointError

__all__ = ["RECORD_NAME", "read_checkpoint", "read_record", "write_checkpoint"]

RECORD_NAME = "checkpoint.json"
FORMAT = 1
ATTEMPTS = 5  # to read a checkpoint that another process keeps replacing


def write_checkpoint(
    folder: Path, tensors: Mapping[str, Tensor], record: Mapping[str, Any]
) -> None:
    """Write a checkpoint; it replaces an older one in the folder.

    Args:
        folder: The checkpoint's folder; created if missing.
        tensors: Named tensors on the CPU.
        record: Everything else in the checkpoint, as JSON without non-finite numbers.

    Raises:
        CheckpointError: If it cannot be written.
    """
    data = safetensors.torch.save({key: value.contiguous() for key, value in tensors.items()})
    checksum = _checksum(data)
    name = f"state-{checksum[:16]}.safetensors"
    content = {"format": FORMAT, "state": {"file": name, "checksum": checksum}, **record}
    document = {"checksum": _checksum(_canonical(content)), **content}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / name, data)
        _replace(folder / RECORD_NAME, json.dumps(document, indent=1, allow_nan=False).encode())
        for stale in folder.glob("state-*.safetensors*"):
            if stale.name != name:
                stale.unlink(missing_ok=True)
    except OSError as error:
        raise CheckpointError(
            f"cannot write the checkpoint {folder} ({error.strerror}):"
            " free space or give another folder"
        ) from error


def read_record(folder: Path) -> dict[str, Any]:
    """The record of a checkpoint, verified.

    Raises:
        CheckpointError: If there is none, or it is damaged or has another format.
    """
    path = folder / RECORD_NAME
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise CheckpointError(
            f"{folder} holds no readable checkpoint ({error.strerror}):"
            f" give the folder that holds {RECORD_NAME}"
        ) from error
    except (ValueError, RecursionError) as error:  # neither JSON nor text
        raise _damaged(path) from error
    if not isinstance(document, dict) or "checksum" not in document:
        raise _damaged(path)
    stored = document.pop("checksum")
    if stored != _checksum(_canonical(document)):
        raise _damaged(path)
    if document["format"] != FORMAT:
        raise CheckpointError(
            f"{path} has format {document['format']}, this version reads format {FORMAT}:"
            " use the version that wrote it"
        )
    return document


def read_checkpoint(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and record of a checkpoint, verified; if it is replaced meanwhile, of the newer one.

    Raises:
        CheckpointError: If there is none, or it is damaged or has another format.
    """
    data, record = _read_files(folder)
    path = folder / record["state"]["file"]
    if _checksum(data) != record["state"]["checksum"]:
        raise _damaged(path)
    try:
        return safetensors.torch.load(data), record
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(
            f"{path} holds no tensors ({type(error).__name__}): use another checkpoint or start"
            " again"
        ) from error


def _read_files(folder: Path) -> tuple[bytes, dict[str, Any]]:
    """The tensor file's bytes and the record that names it.

    If another process replaces the checkpoint after the record was read, its tensors are gone;
    the new record is then read instead.
    """
    record = read_record(folder)
    for _ in range(ATTEMPTS):
        path = folder / record["state"]["file"]
        try:
            return path.read_bytes(), record
        except OSError as error:
            refusal, cause = _without_tensors(folder, path, error), error
        stale, record = record, read_record(folder)
        if record["state"] == stale["state"]:
            break
    raise refusal from cause


def _without_tensors(folder: Path, path: Path, error: OSError) -> CheckpointError:
    return CheckpointError(
        f"{folder} lacks its tensors ({error.strerror} for {path.name}):"
        " use another checkpoint or start again"
    )


def _damaged(path: Path) -> CheckpointError:
    return CheckpointError(
        f"{path} is damaged (its checksum does not match): use another checkpoint or start again"
    )


def _canonical(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, allow_nan=False).encode()


def _checksum(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=32).hexdigest()


def _replace(path: Path, data: bytes) -> None:
    """Write a file under a temporary name, flush it to disk, rename it into place."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)  # a part of a file would keep a full disk full
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the rename itself
    finally:
        os.close(folder)
