"""Bilinear interpolation as products with matrices of hat functions.

Shape letters: H W the grid that is read, h w the grid that is made.

The weight of grid point i at position p is ``max(0, 1 - |p - i|)``: a hat. Along each axis an
interpolation is a product with such weights, and so is its gradient.
"""

import torch
from torch import Tensor

__all__ = ["hats", "upsample"]


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
        _resizing_hats(old, new, maps) for old, new in zip(maps.shape[-2:], size, strict=True)
    )
    return down @ (maps @ across.mT)


def _resizing_hats(old: int, new: int, like: Tensor) -> Tensor:
    """Weights with shape (new, old)."""
    pixel = torch.arange(new, device=like.device, dtype=like.dtype)
    position = ((pixel + 0.5) * (old / new) - 0.5).clamp(0, old - 1)
    return hats(position, old)
