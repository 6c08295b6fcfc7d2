"""Cross-entropy of upsampled maps at labelled pixels; the forward pass computes its gradient.

Letters of shapes: ``docs/architecture.md``.

At every pixel the gradient is the softmax less the true class. A few crops at a time are
upsampled, compared and reduced to the size of tokens again while they are in the cache. Autograd
would keep four arrays of the size of the labels for each class of each crop.
"""

from typing import Any

import torch
from torch import Tensor

from trainer.features.dataset_features import IGNORE
from trainer.nn.blocks import blocks
from trainer.nn.interpolation import resizing_hats

__all__ = ["pixel_losses"]


def pixel_losses(maps_NYHW: Tensor, labels_Nhw: Tensor) -> Tensor:
    """Sum of the cross-entropy over the labelled pixels of each crop.

    Equal to ``torch.nn.functional.cross_entropy`` of maps that are resized bilinearly, with pixel
    centres at halves.

    Args:
        maps_NYHW: Logits with shape (N, Y, H, W).
        labels_Nhw: Classes with shape (N, h, w), uint8, 255 for no class.

    Returns:
        Tensor with shape (N,).
    """
    made: Tensor = _PixelLosses.apply(maps_NYHW, labels_Nhw)
    return made


class _PixelLosses(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, labels: Tensor) -> Tensor:
        down, across = (
            resizing_hats(old, new, maps)
            for old, new in zip(maps.shape[-2:], labels.shape[-2:], strict=True)
        )
        losses, gradient = maps.new_empty(len(maps)), torch.empty_like(maps)
        for part in blocks(len(maps), numbers=maps.shape[1] * labels[0].numel(), like=maps):
            pixels = down @ (maps[part] @ across.mT)
            losses[part] = _losses_to_slopes(pixels, labels[part])
            gradient[part] = down.mT @ pixels @ across
        ctx.save_for_backward(gradient)
        return losses

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * grads[0][:, None, None, None], None


def _losses_to_slopes(logits_NYhw: Tensor, labels_Nhw: Tensor) -> Tensor:
    """Loss of each crop; the logits are replaced by its gradient with respect to them."""
    present = (labels_Nhw != IGNORE).unsqueeze(1)
    classes = labels_Nhw.unsqueeze(1).long().masked_fill_(~present, 0)
    logits_NYhw -= logits_NYhw.amax(dim=1, keepdim=True)  # so that no exponential is infinite
    of_label = logits_NYhw.gather(1, classes)
    total = logits_NYhw.exp_().sum(dim=1, keepdim=True)
    losses = (total.log() - of_label).masked_fill_(~present, 0)
    logits_NYhw *= present / total
    logits_NYhw.scatter_add_(1, classes, -present.to(logits_NYhw.dtype))
    return losses.flatten(1).sum(dim=1)
