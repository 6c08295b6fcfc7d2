"""The loss of SwinFusion: the larger intensity, the larger gradient, and likeness to both images.

Paper: SwinFusion (Ma et al., IEEE/CAA Journal of Automatica Sinica 2022), with its weights 20, 20
and 10. The authors' code at ceeec3f adds the differences of neighbouring intensity errors, squared
and with a weight of 20, of which the paper does not speak; they are left out here.

Letters of shapes: ``docs/architecture.md``.
"""

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["fusion_loss", "gradients", "likeness"]

INTENSITY, TEXTURE, STRUCTURE = 20.0, 20.0, 10.0  # weights of the three terms; paper
SIDE, WIDTH = 11, 1.5  # of the Gaussian window of SSIM, pixels; authors' code, and usual
STEADY = (0.01**2, 0.03**2)  # SSIM's constants for values from 0 to 1; usual


def fusion_loss(fused_Nhw: Tensor, rgb_Nhw: Tensor, thermal_Nhw: Tensor) -> Tensor:
    """The loss of fused luminances, a number.

    The likeness to each image is weighted by its share of both images' gradients in the batch.
    """
    larger_Nhw = torch.maximum(rgb_Nhw, thermal_Nhw)
    steep = [gradients(each) for each in (rgb_Nhw, thermal_Nhw)]
    intensity = (fused_Nhw - larger_Nhw).abs().mean()
    texture = (gradients(fused_Nhw) - torch.maximum(*steep)).abs().mean()
    share = steep[0].mean() / (steep[0].mean() + steep[1].mean()).clamp(min=1e-12)
    alike = share * likeness(fused_Nhw, rgb_Nhw) + (1 - share) * likeness(fused_Nhw, thermal_Nhw)
    return INTENSITY * intensity + TEXTURE * texture + STRUCTURE * (1 - alike)


def gradients(planes_Nhw: Tensor) -> Tensor:
    """Sum of the absolute Sobel derivatives along both axes: (N, h, w). Beyond the edge is 0."""
    across = planes_Nhw.new_tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
    kernels = torch.stack([across, across.mT]).unsqueeze(1)
    made = functional.conv2d(planes_Nhw.unsqueeze(1), kernels, padding=1)
    return made.abs().sum(dim=1)


def likeness(first_Nhw: Tensor, second_Nhw: Tensor) -> Tensor:
    """Mean structural similarity (SSIM) of two batches of planes, a number."""
    places = torch.arange(SIDE, dtype=first_Nhw.dtype, device=first_Nhw.device) - SIDE // 2
    bell = torch.exp(-places.square() / (2 * WIDTH**2))
    bell = bell / bell.sum()
    kernel = (bell.unsqueeze(1) * bell)[None, None]

    def smooth(planes: Tensor) -> Tensor:
        return functional.conv2d(planes.unsqueeze(1), kernel, padding=SIDE // 2).squeeze(1)

    mean, other = smooth(first_Nhw), smooth(second_Nhw)
    spread = smooth(first_Nhw.square()) - mean.square()
    spread_other = smooth(second_Nhw.square()) - other.square()
    shared = smooth(first_Nhw * second_Nhw) - mean * other
    level, contrast = STEADY
    above = (2 * mean * other + level) * (2 * shared + contrast)
    below = (mean.square() + other.square() + level) * (spread + spread_other + contrast)
    return (above / below).mean()
