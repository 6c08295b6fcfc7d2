"""Mean-field inference in a dense conditional random field over the pixels of an image.

Krähenbühl and Koltun, Efficient Inference in Fully Connected CRFs with Gaussian Edge
Potentials (NeurIPS 2011); with the settings of STEGO, EAGLE and UniM2 (``docs/method.md``).
Two kernels with Potts compatibility connect every pixel with every other: one of position, one of
position and colour. Each is normalised symmetrically, by the square roots of both pixels' sums of
weights.

Written for torch, because existing libraries compile C++ during installation and cannot use a GPU.
The kernel of position is summed exactly up to a distance of five deviations; the kernel of
position and colour uses a permutohedral lattice (``lattice``).

Letters of shapes: ``docs/architecture.md``.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.scoring.crf.lattice import Lattice

__all__ = ["CrfSettings", "refine"]

REACH = 5  # deviations; everything beyond has less than 4e-6 of the weight at the centre
FLOOR = 1e-5  # of a probability: no pixel is certain of its class
TINY = 1e-20  # of a sum of weights


@dataclass(frozen=True, kw_only=True)
class CrfSettings:
    """The kernels and the number of updates; lengths in pixels, colours from 0 to 255."""

    #: Number of updates of the mean field.
    iterations: int = 10
    #: Deviation and weight of the kernel of position.
    near: float = 1.0
    near_weight: float = 3.0
    #: Deviations in position and colour, and weight, of the other kernel.
    far: float = 67.0
    colour: float = 3.0
    far_weight: float = 4.0


def refine(
    probabilities_NYhw: Tensor, guides_N3hw: Tensor, settings: CrfSettings | None = None
) -> Tensor:
    """Probabilities that agree with the edges of images.

    Args:
        probabilities_NYhw: Probabilities of the model with shape (N, Y, h, w).
        guides_N3hw: The images, not normalised, from 0 to 1; (N, 3, h, w).
        settings: Settings of the field; the published ones if None.

    Returns:
        Tensor with shape (N, Y, h, w).
    """
    field = settings or CrfSettings()
    pairs = zip(probabilities_NYhw, guides_N3hw, strict=True)
    return torch.stack([_refine(one_Yhw, guide_3hw, field) for one_Yhw, guide_3hw in pairs])


def _refine(probabilities_Yhw: Tensor, guide_3hw: Tensor, field: CrfSettings) -> Tensor:
    size = (guide_3hw.shape[1], guide_3hw.shape[2])
    log_IY = probabilities_Yhw.clamp(min=FLOOR).log().flatten(1).mT.contiguous()
    near, far = _Near.of(size, field.near, log_IY), _Far.of(guide_3hw, field)
    beliefs_IY = log_IY.softmax(dim=1)
    for _ in range(field.iterations):
        agreement_IY = field.near_weight * near(beliefs_IY) + field.far_weight * far(beliefs_IY)
        beliefs_IY = (log_IY + agreement_IY).softmax(dim=1)
    return torch.unflatten(beliefs_IY.mT, 1, size)


@dataclass(frozen=True)
class _Near:
    """The kernel of position, normalised."""

    down_hh: Tensor
    across_ww: Tensor

    @classmethod
    def of(cls, size: tuple[int, int], deviation: float, like: Tensor) -> "_Near":
        # the sum of weights is a product of one along each axis, and so is its root
        return cls(*(_balanced(_gaussian(length, deviation, like)) for length in size))

    def __call__(self, values_IY: Tensor) -> Tensor:
        rows, columns = len(self.down_hh), len(self.across_ww)
        down_hwY = (self.down_hh @ values_IY.view(rows, -1)).view(rows, columns, -1)
        return (self.across_ww @ down_hwY).flatten(0, 1)


def _gaussian(length: int, deviation: float, like: Tensor) -> Tensor:
    place = torch.arange(length, device=like.device, dtype=like.dtype)
    apart = (place[:, None] - place) / deviation
    return (-(apart**2) / 2).exp() * (apart.abs() <= REACH)


def _balanced(weights: Tensor) -> Tensor:
    """A symmetric matrix whose rows and columns are divided by the roots of its sums."""
    root = weights.sum(dim=1).sqrt()
    return weights / root / root[:, None]


@dataclass(frozen=True)
class _Far:
    """The kernel of position and colour, normalised."""

    lattice: Lattice
    root_I1: Tensor

    @classmethod
    def of(cls, guide_3hw: Tensor, field: CrfSettings) -> "_Far":
        lattice = Lattice.of(features_of(guide_3hw, field))
        ones_I1 = guide_3hw.new_ones(guide_3hw[0].numel(), 1)
        return cls(lattice, (lattice.filter(ones_I1) + TINY).rsqrt())

    def __call__(self, values_IY: Tensor) -> Tensor:
        return self.root_I1 * self.lattice.filter(self.root_I1 * values_IY)


def features_of(guide_3hw: Tensor, field: CrfSettings) -> Tensor:
    """Position and colour of each pixel in units of the kernel's deviations: (I, 5)."""
    rows, columns = torch.meshgrid(
        *(torch.arange(side, device=guide_3hw.device) for side in guide_3hw.shape[1:]),
        indexing="ij",
    )
    places_2I = torch.stack([columns, rows]).flatten(1).to(guide_3hw.dtype)
    return torch.cat([places_2I / field.far, guide_3hw.flatten(1) * (255 / field.colour)]).mT
