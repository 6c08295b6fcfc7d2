"""Files that only pretend to be a checkpoint are refused, and no code in them runs."""

import errno
import io
import json
import os
import pickle  # noqa: TID251 - to show that nothing pickled is run
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from trainer.engine.checkpoint import (
    RECORD_NAME,
    _canonical,
    _checksum,
    read_checkpoint,
    write_checkpoint,
)
from trainer.errors import CheckpointError

ONE_LINE = r"\A[^\n]*\Z"


class Bomb:
    """Creates a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self._folder),)


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """The folder that exists after the code in a file has run."""
    return tmp_path / "trace"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    write_checkpoint(tmp_path / "checkpoint", {"x": torch.zeros(2)}, {"reports": []})
    return tmp_path / "checkpoint"


def test_a_full_disk_leaves_the_old_checkpoint_and_no_part_of_a_file(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in checkpoint.iterdir()}

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match=r"No space left on device.*: free space or give"):
        write_checkpoint(checkpoint, {"x": torch.ones(2)}, {"reports": []})
    assert {path.name: path.read_bytes() for path in checkpoint.iterdir()} == before


def pickled(bomb: Bomb) -> bytes:
    return pickle.dumps(bomb)


def saved_by_torch(bomb: Bomb) -> bytes:
    file = io.BytesIO()
    torch.save({"x": torch.zeros(2), "bomb": bomb}, file)
    return file.getvalue()


KINDS: list[Callable[[Bomb], bytes]] = [pickled, saved_by_torch]


def forge(checkpoint: Path, data: bytes, **changes: str) -> None:
    """Replace the tensors by other bytes, with matching checksums."""
    path = checkpoint / RECORD_NAME
    content = json.loads(path.read_bytes())
    del content["checksum"]
    (checkpoint / content["state"]["file"]).write_bytes(data)
    content["state"] |= {"checksum": _checksum(data), **changes}
    path.write_text(json.dumps({"checksum": _checksum(_canonical(content)), **content}))


@pytest.mark.parametrize("kind", KINDS)
def test_a_bomb_in_place_of_the_record(
    kind: Callable[[Bomb], bytes], checkpoint: Path, trace: Path
) -> None:
    (checkpoint / RECORD_NAME).write_bytes(kind(Bomb(trace)))
    with pytest.raises(CheckpointError, match=ONE_LINE):
        read_checkpoint(checkpoint)
    assert not trace.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_bomb_in_place_of_the_tensors_with_a_matching_checksum(
    kind: Callable[[Bomb], bytes], checkpoint: Path, trace: Path
) -> None:
    forge(checkpoint, kind(Bomb(trace)))
    with pytest.raises(CheckpointError, match=ONE_LINE):
        read_checkpoint(checkpoint)
    assert not trace.exists()


def test_the_malicious_files_would_run_code(trace: Path) -> None:
    """Otherwise the tests above would prove nothing."""
    for kind in KINDS:
        data = io.BytesIO(kind(Bomb(trace)))
        load = pickle.load if kind is pickled else partial(torch.load, weights_only=False)
        load(data)
        trace.rmdir()


@pytest.mark.parametrize(
    "data", [b"", b"\xff" * 8, b"\x08" + b"\x00" * 7 + b"{" * 8, (2**62).to_bytes(8, "little")]
)
def test_bytes_that_are_not_tensors_with_a_matching_checksum(
    data: bytes, checkpoint: Path
) -> None:
    forge(checkpoint, data)
    with pytest.raises(CheckpointError, match=ONE_LINE):
        read_checkpoint(checkpoint)


@pytest.mark.parametrize("record", ["[]", "null", "[" * 100_000, '{"checksum": 1}', "1e999", "{"])
def test_json_that_is_not_a_record(record: str, checkpoint: Path) -> None:
    (checkpoint / RECORD_NAME).write_text(record)
    with pytest.raises(CheckpointError, match=ONE_LINE):
        read_checkpoint(checkpoint)
