"""Reading torch files (``.pth``, ``.ckpt``) as data, without running any pickled code.

A torch file is a zip archive of a pickle that describes objects, and one entry per tensor with its
numbers. A pickle is a program that can reach other code only by looking up names. Here no name
leads to other code: tensors become descriptions of where their numbers are stored, the known kinds
of objects that training scripts store (settings, metadata) become :class:`Inert` objects that keep
their arguments, and any other name is refused. Every stand-in is created anew for each reading,
so that a file cannot leave anything behind.
"""

import io
import math
import pickle  # noqa: TID251 - its reader is cut off from every name; nothing is pickled here
import pickletools
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor

__all__ = ["Inert", "StoredTensor", "TorchFile", "UnreadableFileError", "is_torch_archive"]

DTYPES = {
    "BFloat16Storage": torch.bfloat16,
    "BoolStorage": torch.bool,
    "ByteStorage": torch.uint8,
    "CharStorage": torch.int8,
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "IntStorage": torch.int32,
    "LongStorage": torch.int64,
    "ShortStorage": torch.int16,
}
#: Packages and names whose objects may occur in a file; none of them is imported.
INERT_PACKAGES = {"lightning", "lightning_fabric", "numpy", "omegaconf", "pathlib"} | {
    "pytorch_lightning",
    "torchmetrics",
    "typing",
}
INERT_NAMES = {
    "_codecs.encode",  # how numpy's numbers are stored
    "argparse.Namespace",
    "collections.defaultdict",
    "torch.Size",
    "torch.device",
} | {
    f"{module}.{name}"  # mentioned as types
    for module in ("builtins", "__builtin__")
    for name in "bool bytes complex dict float int list long object set str tuple unicode".split()
}
FAULTS = (
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    ArithmeticError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    NotImplementedError,  # zipfile's, of an unknown compression
    OSError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
)


class UnreadableFileError(ValueError):
    """A file is not a torch archive or has unknown content; the message is a short reason."""


@dataclass(frozen=True, kw_only=True)
class StoredTensor:
    """Position of a tensor's numbers in its file."""

    #: Entry of the archive.
    key: str
    dtype: torch.dtype
    #: Count of numbers in the entry.
    count: int
    #: Index of the tensor's first number in the entry.
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Inert:
    """Stands in for a stored object: keeps its arguments and does nothing."""

    arguments: tuple[Any, ...]
    state: Any
    entries: list[Any]

    def __new__(cls, *arguments: Any, **_named: Any) -> "Inert":
        """Keep the arguments; pickle may leave ``__init__`` out."""
        made = super().__new__(cls)
        made.arguments, made.state, made.entries = arguments, None, []
        return made

    def __init__(self, *arguments: Any, **named: Any) -> None: ...

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        self.entries.append((key, value))

    def append(self, item: Any) -> None:
        """Called to fill list-like objects."""
        self.entries.append(item)

    @property
    def kind(self) -> str:
        """The dotted name of the object it stands for."""
        return f"{type(self).__module__}.{type(self).__name__}"


class _Table(dict[Any, Any]):
    """Stands in for an ordered dictionary; additional attributes are dropped."""

    def __setstate__(self, state: Any) -> None: ...


class _Rebuild:
    """Stands in for torch's functions that create a tensor, or wrap it as a parameter."""

    __slots__ = ("_wraps",)

    def __init__(self, *, wraps: bool) -> None:
        self._wraps = wraps

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("it changes how tensors are read")

    def __call__(self, source: Any, *rest: Any) -> StoredTensor:
        if self._wraps and isinstance(source, StoredTensor):
            return source
        key, dtype, count = source
        offset, shape, strides = int(rest[0]), _integers(rest[1]), _integers(rest[2])
        if len(shape) != len(strides) or min((offset, *shape, *strides), default=0) < 0:
            raise pickle.UnpicklingError(f"the tensor {key} has an impossible shape")
        last = offset + sum((size - 1) * step for size, step in zip(shape, strides, strict=True))
        if math.prod(shape) > count or (math.prod(shape) and last >= count):
            raise pickle.UnpicklingError(f"the tensor {key} is larger than its stored numbers")
        return StoredTensor(
            key=key, dtype=dtype, count=count, offset=offset, shape=shape, strides=strides
        )


class TorchFile:
    """An open torch archive: its content, and the tensors in it on demand."""

    def __init__(self, path: Path) -> None:
        """Open a file and read everything except the tensors' numbers.

        Raises:
            UnreadableFileError: If it is not a torch archive, is damaged, or has names that
                neither weights nor a training script's settings need.
        """
        try:
            self._archive = zipfile.ZipFile(path)
        except FAULTS as error:
            raise _unreadable(error) from error
        try:
            self._root = self._find_root()
            program = self._archive.read(f"{self._root}data.pkl")
            _check_program(program)
            self.content: Any = _Reader(io.BytesIO(program)).load()
        except FAULTS as error:
            self._archive.close()
            raise _unreadable(error) from error

    def __enter__(self) -> "TorchFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._archive.close()

    def tensor(self, stored: StoredTensor) -> Tensor:
        """Read one tensor, contiguous and on the CPU.

        Raises:
            UnreadableFileError: If its numbers are missing or damaged.
        """
        try:
            data = bytearray(self._archive.read(f"{self._root}data/{stored.key}"))
            if len(data) != stored.count * stored.dtype.itemsize:
                raise ValueError(f"the numbers of tensor {stored.key} are truncated")
            if not data:
                return torch.zeros(stored.shape, dtype=stored.dtype)
            numbers = torch.frombuffer(data, dtype=stored.dtype)
            return numbers.as_strided(stored.shape, stored.strides, stored.offset).clone(
                memory_format=torch.contiguous_format
            )
        except FAULTS as error:
            raise _unreadable(error) from error

    def tensors(self, table: Mapping[Any, Any]) -> dict[str, Tensor]:
        """Read the entries of a table that are tensors, by name."""
        return {
            str(name): self.tensor(value)
            for name, value in table.items()
            if isinstance(value, StoredTensor)
        }

    def _find_root(self) -> str:
        """Folder of the archive; refuses anything that torch does not write."""
        entries = self._archive.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ValueError("it is compressed")  # torch's files are not; a zip bomb would be
        names = [entry.filename for entry in entries]
        roots = [name.removesuffix("data.pkl") for name in names if name.endswith("/data.pkl")]
        if len(roots) != 1:
            raise ValueError("it has no data.pkl")
        if f"{roots[0]}byteorder" in names and (
            self._archive.read(f"{roots[0]}byteorder") != b"little"
        ):
            raise ValueError("its numbers are stored most significant byte first")
        return roots[0]


def is_torch_archive(path: Path) -> bool:
    """Whether a file is an archive; torch files from before 2020 are not."""
    return zipfile.is_zipfile(path)


def _check_program(program: bytes) -> None:
    """Refuse instructions that request memory for data that the file does not contain."""
    for operation, argument, _ in pickletools.genops(program):
        if operation.name in ("PUT", "LONG_BINPUT") and int(argument or 0) > len(program):
            raise pickle.UnpicklingError("it asks for more memory than it fills")


class _Reader(pickle.Unpickler):
    """Pickle's reader, restricted to harmless names."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        name = f"{module_name}.{global_name}"
        if module_name == "torch" and global_name in DTYPES:
            return DTYPES[global_name]
        if name == "torch._utils._rebuild_tensor_v2":
            return _Rebuild(wraps=False)
        if name == "torch._utils._rebuild_parameter":
            return _Rebuild(wraps=True)
        if name == "collections.OrderedDict":
            return type("OrderedDict", (_Table,), {})
        if name in INERT_NAMES or module_name.partition(".")[0] in INERT_PACKAGES:
            return type(global_name, (Inert,), {"__module__": module_name})
        raise pickle.UnpicklingError(f"it names {name}, which no weights need")

    def persistent_load(self, pid: Any) -> Any:
        kind, dtype, key, _, count = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype):
            raise pickle.UnpicklingError("it stores something other than tensors")
        if not (isinstance(key, str) and key.isalnum() and isinstance(count, int)):
            raise pickle.UnpicklingError("it stores tensors in an unknown way")
        return key, dtype, count


def _integers(values: Any) -> tuple[int, ...]:
    if isinstance(values, Inert):  # torch.Size
        values = values.arguments[0]
    return tuple(int(value) for value in values)


def _unreadable(error: BaseException) -> UnreadableFileError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return UnreadableFileError(reason[:160])
