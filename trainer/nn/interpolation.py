"""Bilinear interpolation as products with matrices of hat functions.

Letters of shapes: ``docs/architecture.md``, and r rows of a band.

The weight of grid point i at position p is ``max(0, 1 - |p - i|)``: a hat. Along each axis an
interpolation is a product with such weights, and so is its gradient.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["RowBand", "hats", "resizing_hats", "row_bands", "upsample", "upsample_columns"]


@dataclass(frozen=True, kw_only=True)
class RowBand:
    """Output rows between the same two input rows."""

    #: Output rows.
    rows: slice
    #: The input rows above and below them.
    above: int
    below: int
    #: Weight of the row below in each output row with shape (r, 1).
    share_r1: Tensor


def hats(position: Tensor, size: int) -> Tensor:
    """Weights of the grid points 0 to size-1 at each position, with shape (..., size)."""
    centres = torch.arange(size, device=position.device, dtype=position.dtype)
    return (1 - (position.unsqueeze(-1) - centres).abs()).clamp(min=0)


def upsample(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize maps bilinearly, pixel centres at halves (``align_corners`` False).

    Args:
        maps: Tensor with shape (..., H, W).
        size: Rows and columns (h, w) of the result.

    Returns:
        Tensor with shape (..., h, w).
    """
    down, across = (
        resizing_hats(old, new, maps) for old, new in zip(maps.shape[-2:], size, strict=True)
    )
    return down @ (maps @ across.mT)


def upsample_columns(maps: Tensor, columns: int) -> Tensor:
    """The same along rows only: (..., H, W) to (..., H, columns)."""
    return maps @ resizing_hats(maps.shape[-1], columns, maps).mT


def row_bands(old: int, new: int, like: Tensor) -> Iterator[RowBand]:
    """The bands of ``new`` rows interpolated from ``old`` ones, along columns.

    Args:
        old: Input rows.
        new: Output rows.
        like: A tensor with the desired device and number format.
    """
    position = _positions(old, new, like)
    above = position.floor().clamp(max=max(old - 2, 0))
    bands, counts = torch.unique_consecutive(above.cpu(), return_counts=True)
    start = 0
    for row, count in zip(bands.int().tolist(), counts.tolist(), strict=True):
        rows = slice(start, start + count)
        share_r1 = (position - above)[rows, None]
        yield RowBand(rows=rows, above=row, below=min(row + 1, old - 1), share_r1=share_r1)
        start += count


def resizing_hats(old: int, new: int, like: Tensor) -> Tensor:
    """Weights of the grid points at each of the positions that :func:`upsample` reads.

    Args:
        old: Grid points along the axis.
        new: Positions.
        like: A tensor with the desired device and number format.

    Returns:
        Tensor with shape (new, old).
    """
    return hats(_positions(old, new, like), old)


def _positions(old: int, new: int, like: Tensor) -> Tensor:
    """Positions of the output points in the input grid: (new,)."""
    pixel = torch.arange(new, device=like.device, dtype=like.dtype)
    return ((pixel + 0.5) * (old / new) - 0.5).clamp(0, old - 1)
