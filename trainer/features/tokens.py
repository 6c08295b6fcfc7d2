"""Feature maps of evaluation images as the tokens that a method reads.

Letters of shapes: ``docs/architecture.md``.
"""

import numpy as np
import torch
from torch import Tensor

from trainer.features.dataset_features import Features
from trainer.nn.transfer import send

__all__ = ["to_tokens"]


def to_tokens(maps: list[Features], device: torch.device) -> Tensor:
    """Feature maps of evaluation images as tokens of one slot.

    Args:
        maps: One array per modality, each with shape (N, H, W, C).
        device: Where to put them.

    Returns:
        Tensor with shape (1, M, N, T, C), float32.
    """
    tensors = [send(torch.from_numpy(np.array(each)), device).float() for each in maps]
    return torch.stack(tensors).unsqueeze(0).flatten(3, 4)
