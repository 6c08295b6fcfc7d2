"""Features with all bits of their numbers, on a GPU as well.

Letters of shapes: ``docs/architecture.md``.
"""

import torch

from trainer.backbones.base import Backbone

__all__ = ["exact_features"]


def exact_features(
    backbone: Backbone, images_N3hw: torch.Tensor, device: torch.device
) -> torch.Tensor:
    """Features of each token, computed on the device, with shape (N, H, W, C)."""
    # By default cuDNN uses TensorFloat-32, which keeps only 11 of a number's 24 bits.
    with torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled, allow_tf32=False):
        return backbone.features(images_N3hw.to(device))
