"""``max-gradient``: the larger intensity and the larger gradients of both; nothing is trained.

The loss of SwinFusion (Ma et al., IEEE/CAA Journal of Automatica Sinica 2022) asks of a fused
luminance that it equals the larger of both intensities and has the larger of both gradients. This
is the closed-form solution of that wish in the least-squares sense, without a network. The
luminance v minimises

    w * sum over pixels (v - max(y, t))^2  +  sum over pairs (difference of v - d)^2,

where y is the luminance of RGB, t that of the thermal image, a pair is a pixel with its neighbour
to the right or below, and d is the difference of y or of t in that pair, whichever is larger in
absolute value. This is a Poisson equation, screened by w, with free borders, which the discrete
cosine transform solves exactly (Perez et al., "Poisson Image Editing", SIGGRAPH 2003; Bhat et
al., "Fourier Analysis of the 2D Screened Poisson Equation", ECCV 2008). Colour is that of RGB: all
three channels change by v - y, which keeps both chroma channels of YCbCr.

Letters of shapes: ``docs/architecture.md``.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.datasets.base import Image
from trainer.datasets.image_fusion.entry import ImageFusion, from_pixels
from trainer.errors import ConfigError

__all__ = ["MAX_GRADIENT", "MaxGradientOptions", "fuse", "larger_differences", "solve_poisson"]

LUMA = (0.299, 0.587, 0.114)  # of red, green, blue: ITU-R BT.601, as in YCbCr

Plane = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MaxGradientOptions:
    """The table ``[data.fused_options]``."""

    #: Weight w of the larger intensity against the larger gradients, which have weight 1. The
    #: intensity decides about areas of more than about 1 / sqrt(w) pixels.
    intensity_weight: float = 0.1

    def __post_init__(self) -> None:
        if not (math.isfinite(self.intensity_weight) and self.intensity_weight > 0):
            raise ConfigError(
                f"data.fused_options.intensity_weight = {self.intensity_weight:g} is out of range:"
                " give a positive number"
            )


def fuse(rgb: Image, thermal: Image, options: MaxGradientOptions) -> Image:
    """The fused image.

    Args:
        rgb: Image with shape (h, w, 3), from 0 to 1.
        thermal: The same, usually grey.
        options: Weight of the intensity.

    Returns:
        Image with shape (h, w, 3); values beyond 0 and 1 are clipped.
    """
    rgb_hw3 = rgb.astype(np.float64)
    rgb_hw, thermal_hw = rgb_hw3 @ LUMA, thermal.astype(np.float64) @ LUMA
    fused_hw = solve_poisson(
        np.maximum(rgb_hw, thermal_hw),
        down_hw=larger_differences(rgb_hw, thermal_hw, axis=0),
        across_hw=larger_differences(rgb_hw, thermal_hw, axis=1),
        weight=options.intensity_weight,
    ).clip(0, 1)
    changed_hw3 = rgb_hw3 + (fused_hw - rgb_hw)[:, :, None]
    return changed_hw3.clip(0, 1).astype(np.float32)


def larger_differences(first: Plane, second: Plane, *, axis: int) -> Plane:
    """Differences of neighbours, each of the plane in which it is larger in absolute value.

    Args:
        first: Plane with shape (h, w); it wins ties.
        second: The same.
        axis: 0 for pairs of a pixel and the one below, 1 for the one to the right.

    Returns:
        Array that is one shorter along the axis.
    """
    own, other = np.diff(first, axis=axis), np.diff(second, axis=axis)
    return np.where(np.abs(other) > np.abs(own), other, own)


def solve_poisson(target_hw: Plane, *, down_hw: Plane, across_hw: Plane, weight: float) -> Plane:
    """The plane that comes closest to target and differences, in the least-squares sense.

    Args:
        target_hw: Wanted values with shape (h, w).
        down_hw: Wanted differences of neighbours below, shape (h - 1, w).
        across_hw: Wanted differences of neighbours to the right, shape (h, w - 1).
        weight: Weight of the values; above 0.

    Returns:
        Plane with shape (h, w).
    """
    from scipy.fft import dctn, idctn  # lazily: needed only to fuse images

    right_hw = weight * target_hw
    right_hw[1:] += down_hw
    right_hw[:-1] -= down_hw
    right_hw[:, 1:] += across_hw
    right_hw[:, :-1] -= across_hw
    height, width = target_hw.shape
    eigenvalues_hw = weight + _eigenvalues(height)[:, None] + _eigenvalues(width)
    solved: Plane = idctn(dctn(right_hw, norm="ortho") / eigenvalues_hw, norm="ortho")
    return solved


def _eigenvalues(length: int) -> Plane:
    """Those of the second difference with free ends, whose eigenvectors are cosines."""
    return 2 - 2 * np.cos(np.pi * np.arange(length) / length)


MAX_GRADIENT = ImageFusion(options=MaxGradientOptions, add=from_pixels(fuse))
