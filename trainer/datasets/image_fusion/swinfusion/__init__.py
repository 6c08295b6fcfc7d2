"""``swinfusion``: a network with attention inside each image and between both.

Paper: SwinFusion (Ma et al., IEEE/CAA Journal of Automatica Sinica 2022). Authors' code:
Linfeng-Tang/SwinFusion at ceeec3f. The network sees luminance alone; colour is that of RGB: all
three channels change as the luminance does, which keeps both chroma channels of YCbCr.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer.config.paths import PathText, user_path
from trainer.datasets.base import DataSet, Image
from trainer.datasets.files import FileSource
from trainer.datasets.image_fusion.entry import ImageFusion, from_pixels
from trainer.datasets.image_fusion.max_gradient import LUMA
from trainer.errors import ConfigError, WeightsError

__all__ = ["SWINFUSION", "SwinFusionOptions", "coloured"]

TRAIN = "train one with `python -m trainer train-fusion FILE --out WEIGHTS`"


@dataclass(frozen=True, kw_only=True)
class SwinFusionOptions:
    """The table ``[data.fused_options]``."""

    #: File of the network's weights: one that ``train-fusion`` wrote, or the authors'.
    weights: PathText = ""

    def __post_init__(self) -> None:
        if not self.weights:
            raise ConfigError(
                "data.fused = 'swinfusion' needs a trained network: set data.fused_options.weights"
                f" to its file, or {TRAIN}"
            )


def identity(options: SwinFusionOptions) -> dict[str, Any]:
    """The content of the weights; their path does not matter.

    Raises:
        WeightsError: If the file cannot be read.
    """
    try:
        content = user_path(options.weights).read_bytes()
    except OSError as error:
        raise WeightsError(
            f"cannot read data.fused_options.weights = {options.weights!r} ({error.strerror}):"
            f" correct the path, or {TRAIN}"
        ) from error
    return {"weights": hashlib.blake2b(content, digest_size=16).hexdigest()}


def add(data_set: DataSet, source: FileSource, options: SwinFusionOptions) -> DataSet:
    """Add the images of the network.

    Raises:
        WeightsError: If the weights are not those of such a network.
    """
    # lazily: import torch
    from trainer.datasets.image_fusion.swinfusion.network import fused_luminance
    from trainer.datasets.image_fusion.swinfusion.weights import read_weights

    network = read_weights(user_path(options.weights))

    def fuse(rgb: Image, thermal: Image, options: SwinFusionOptions) -> Image:
        del options
        rgb_hw, thermal_hw = (each.astype(np.float64) @ LUMA for each in (rgb, thermal))
        return coloured(rgb, fused_luminance(network, rgb_hw, thermal_hw))

    return from_pixels(fuse)(data_set, source, options)


def coloured(rgb: Image, fused_hw: np.ndarray[Any, np.dtype[np.float64]]) -> Image:
    """The RGB image with another luminance; values beyond 0 and 1 are clipped."""
    rgb_hw3 = rgb.astype(np.float64)
    changed_hw3 = rgb_hw3 + (fused_hw.clip(0, 1) - rgb_hw3 @ LUMA)[:, :, None]
    return changed_hw3.clip(0, 1).astype(np.float32)


SWINFUSION = ImageFusion(options=SwinFusionOptions, add=add, identity=identity)
