"""Matrix products that vary with their layout, so that no test passes by luck with a processor.

The results of a real library may depend on where factors and results begin in memory, on their
strides and on how many products are asked for at once; with some processors and sizes they do.
Within this mode they always do. What is promised to be equal bit for bit has to be so here, too.
"""

import zlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from trainer.nn.alignment import LINE

__all__ = ["FickleProducts", "shifted"]

PRODUCTS = ("mm", "bmm", "addmm", "baddbmm", "mv", "addmv", "dot")
LARGEST = 2.0**-12  # relative; more than any rounding


class FickleProducts(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Within it, each product is multiplied by a number drawn from the layout of its factors."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        #: Products made so far.
        self.count = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        if func.overloadpacket.__name__ in PRODUCTS:
            factors = [each for each in args if isinstance(each, Tensor)]
            made.mul_(1 + LARGEST * _draw([*factors, made]))
            self.count += 1
        return made


def _draw(tensors: Sequence[Tensor]) -> float:
    """A number from 0 to 1 that places, shapes and strides determine."""
    known = [(_place(each), tuple(each.shape), _strides(each)) for each in tensors]
    return zlib.crc32(repr(known).encode()) / 2**32


def _place(tensor: Tensor) -> int:
    return tensor.data_ptr() % LINE


def _strides(tensor: Tensor) -> tuple[int, ...]:
    """The strides that matter: those of axes longer than 1."""
    pairs = zip(tensor.shape, tensor.stride(), strict=True)
    return tuple(stride for length, stride in pairs if length > 1)


def shifted(tensor: Tensor, numbers: int) -> Tensor:
    """The same tensor, beginning so many numbers of its own format after a cache line."""
    room = torch.empty(tensor.numel() + LINE, dtype=tensor.dtype)
    size = tensor.element_size()
    start = -room.data_ptr() % LINE // size + numbers
    copy = room[start : start + tensor.numel()].view(tensor.shape).copy_(tensor)
    assert not len(copy.flatten()) or copy.data_ptr() % LINE == numbers * size % LINE
    return copy
