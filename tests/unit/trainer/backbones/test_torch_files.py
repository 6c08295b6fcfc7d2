"""Torch files are read as data: no pickled code runs."""

import argparse
import collections
import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from trainer.backbones.torch_files import Inert, StoredTensor, TorchFile, UnreadableFileError


def write_archive(path: Path, program: bytes, entries: dict[str, bytes] | None = None) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", program)
        for name, data in (entries or {}).items():
            archive.writestr(f"archive/{name}", data)
    return path


def refusal(action: Callable[[], object]) -> str:
    with pytest.raises(UnreadableFileError) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_tensors_are_read_back_unchanged(tmp_path: Path) -> None:
    base = torch.arange(24.0).reshape(4, 6)
    stored = {
        "plain": base,
        "part of another": base[1:3, ::2],
        "transposed": base.T,
        "scalar": torch.tensor(7),
        "empty": torch.zeros(0, 3),
        "half": base.half(),
        "brain": base.bfloat16(),
        "mask": base > 3,
        "parameter": nn.Parameter(base.double()),
    }
    torch.save(collections.OrderedDict(stored), tmp_path / "file.pth")

    with TorchFile(tmp_path / "file.pth") as file:
        assert all(isinstance(value, StoredTensor) for value in file.content.values())
        read = file.tensors(file.content)

    assert list(read) == list(stored)
    for name, value in stored.items():
        assert torch.equal(read[name], value) and read[name].dtype == value.dtype
        assert read[name].is_contiguous() and not read[name].requires_grad


def test_a_modules_state_and_a_scripts_arguments_are_read(tmp_path: Path) -> None:
    content = {
        "model": nn.Linear(2, 3).state_dict(),  # an ordered dictionary with an attribute
        "args": argparse.Namespace(lr=0.1),
        "path": Path("weights"),
        "device": torch.device("cpu"),
        "size": torch.Size([2, 3]),
    }
    torch.save(content, tmp_path / "file.pth")

    with TorchFile(tmp_path / "file.pth") as file:
        assert list(file.content["model"]) == ["weight", "bias"]
        arguments = file.content["args"]
    assert isinstance(arguments, Inert) and arguments.kind == "argparse.Namespace"
    assert arguments.state == {"lr": 0.1}
    assert isinstance(file.content["path"], Inert) and isinstance(file.content["size"], Inert)


class Bomb:
    """Its pickle calls a function with arguments."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self._call


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (os.system, "system"),
        (eval, "eval"),
        (exec, "exec"),
        (open, "open"),
        (os.mkdir, "mkdir"),
        (getattr, "getattr"),
        (__import__, "__import__"),
        (torch.load, "torch.serialization.load"),
    ],
)
def test_a_bomb_does_nothing(function: Any, name: str, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    arguments = {
        "system": (f"touch {trace}",),
        "eval": (f"open({str(trace)!r}, 'w')",),
        "exec": (f"open({str(trace)!r}, 'w')",),
        "open": (str(trace), "w"),
        "mkdir": (str(trace),),
        "getattr": (os, "system"),
        "__import__": ("antigravity",),
        "torch.serialization.load": (str(trace),),
    }[name]
    modules = set(sys.modules)
    if name == "getattr":
        arguments = ("text", "upper")
    torch.save({"weights": torch.zeros(2), "bomb": Bomb(function, *arguments)}, tmp_path / "bomb")

    text = refusal(lambda: TorchFile(tmp_path / "bomb"))

    assert "it names" in text and name in text
    assert not trace.exists() and "antigravity" not in set(sys.modules) - modules


def test_known_packages_are_not_imported(tmp_path: Path) -> None:
    """On this machine, a package with a known name may contain anything."""
    program = b"comegaconf.evil\nsystem\n(S'touch here'\ntR."
    with TorchFile(write_archive(tmp_path / "file", program)) as file:
        assert isinstance(file.content, Inert)
        assert file.content.kind == "omegaconf.evil.system"
        assert file.content.arguments == ("touch here",)
    assert "omegaconf.evil" not in sys.modules


REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        (REBUILD + b"}S'__defaults__'\n)sb.", "it changes how tensors are read"),
        (b"ccollections\nOrderedDict\nN}S'get'\nNs\x86b.", "argument"),
        (b"comegaconf\nNode\nN}S'kind'\nNs\x86b.", "argument"),
        (b"N" + b"r" + b"\xff\xff\xff\x7f.", "more memory than it fills"),
        (b"\x80\x05\x96" + b"\xff" * 7 + b"\x00.", ""),
        (b"cbuiltins\nbytearray\n(L99999999999L\ntR.", "it names builtins.bytearray"),
        (b"ccopyreg\n_reconstructor\n.", "it names copyreg._reconstructor"),
        (b"\x82\x01.", ""),
        (b"junk", ""),
        (b"", ""),
    ],
)
def test_a_pickle_that_changes_reading_or_exhausts_memory_is_refused(
    program: bytes, reason: str, tmp_path: Path
) -> None:
    assert reason in refusal(lambda: TorchFile(write_archive(tmp_path / "file", program)))

    torch.save({"weights": torch.ones(2)}, tmp_path / "good")  # nothing was left behind
    with TorchFile(tmp_path / "good") as file:
        assert file.tensors(file.content)["weights"].tolist() == [1, 1]


def tensor_program(shape: str, strides: str, offset: int = 0) -> bytes:
    storage = b"(S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nI4\ntQ"
    numbers = f"I{offset}\n{shape}{strides}".encode()
    return REBUILD + b"(" + storage + numbers + b"I00\nNtR."


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [
        ("(I5\nt", "(I1\nt", 0),
        ("(I4\nt", "(I1\nt", 1),
        ("(I4\nt", "(I2\nt", 0),
        ("(I1000000\nI1000000\nt", "(I0\nI0\nt", 0),
        ("(I-1\nt", "(I1\nt", 0),
        ("(I2\nt", "(I-1\nt", 3),
        ("(I2\nt", "(I1\nI1\nt", 0),
    ],
)
def test_a_tensor_must_fit_its_stored_numbers(
    shape: str, strides: str, offset: int, tmp_path: Path
) -> None:
    numbers = {"data/0": torch.arange(4.0).numpy().tobytes()}
    program = tensor_program(shape, strides, offset)
    assert "the tensor 0" in refusal(
        lambda: TorchFile(write_archive(tmp_path / "file", program, numbers))
    )
    good = write_archive(tmp_path / "good", tensor_program("(I2\nt", "(I1\nt", 2), numbers)
    with TorchFile(good) as file:
        assert file.tensor(file.content).tolist() == [2, 3]


def test_damaged_archives_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.pth"
    torch.save({"weights": torch.arange(1000.0)}, path)
    whole = path.read_bytes()
    place = whole.index(torch.arange(1000.0).numpy().tobytes()) + 2000
    path.write_bytes(whole[:place] + b"\xff" + whole[place + 1 :])
    with TorchFile(path) as file:
        assert "CRC" in refusal(lambda: file.tensors(file.content))
    for content in (whole[:-100], b"", b"PK\x03\x04", b"junk"):
        path.write_bytes(content)
        refusal(lambda: TorchFile(path))
    refusal(lambda: TorchFile(tmp_path / "none"))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"N." + b"\0" * 10**6)
    assert "compressed" in refusal(lambda: TorchFile(path))
    short = write_archive(path, tensor_program("(I4\nt", "(I1\nt"), {"data/0": b"12"})
    with TorchFile(short) as file:
        assert "truncated" in refusal(lambda: file.tensor(file.content))
    big = write_archive(path, b"N.", {"byteorder": b"big"})
    assert "most significant" in refusal(lambda: TorchFile(big))
