"""The best class of every pixel by both probes: plain, with averaged mirror images, or with a CRF.

Letters of shapes: ``docs/architecture.md``, and r rows of a band.

The class score of a pixel is the inner product of the bilinearly upsampled raw code with a unit
centre. Dividing by the code's norm would not change which score is largest, and upsampling is
linear, so only the Y inner products are upsampled instead of the K code channels. The predictions
are the same for a fraction of the work. Rows are upsampled in bands that stay in the processor's
cache until their best classes are known.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.features.dataset_features import Features
from trainer.features.tokens import to_tokens
from trainer.methods.base import Method
from trainer.nn.interpolation import row_bands, upsample, upsample_columns
from trainer.nn.parameters import Views
from trainer.scoring.crf import refine
from trainer.scoring.probes import EPSILON, unit_centres

__all__ = ["ClassMaps", "Scored", "TestTimeOptions", "best_class", "codes_of", "predict"]

#: Factor on cosines before the softmax that is the input of the CRF (``docs/method.md``).
SHARPNESS = 2.0
#: Largest number of values in a band: they are read five times and should stay in the cache.
BAND_NUMBERS_CPU, BAND_NUMBERS_GPU = 2**20, 2**27
CHANNELS = 16  # of a code that are upsampled at a time to compute its norm


@dataclass(frozen=True, kw_only=True)
class Scored:
    """One slot's model and probes, which determine predictions. Every view has one slot."""

    method: Method
    parameters: Views
    buffers: Views
    probes: Views
    #: Whether the linear probe was trained.
    linear: bool


@dataclass(frozen=True, kw_only=True)
class TestTimeOptions:
    """Inputs of predictions in addition to the model: test-time options.

    Without any of them, predictions are plain.
    """

    __test__ = False  # not a test case, despite its name

    #: Features of the mirrored images by modality, in the order of the split: their codes are
    #: mirrored back and averaged with the image's own, as in STEGO and EAGLE. None: no averaging.
    mirrored: Mapping[str, Features] | None = None
    #: RGB images of a part of the split with shape (N, 3, h, w), from 0 to 1, to whose edges a
    #: dense CRF aligns predictions. None: no CRF.
    guides: Callable[[slice], Tensor] | None = None


@dataclass(frozen=True, kw_only=True)
class ClassMaps:
    """Predictions for some images."""

    #: Clusters with shape (N, h, w), uint8; their classes are not known here.
    clusters_Nhw: Tensor
    #: Classes of the linear probe with shape (N, h, w), uint8; None if it was not trained.
    linear_Nhw: Tensor | None


def codes_of(
    scored: Scored, maps: Mapping[str, Features], modalities: tuple[str, ...], device: torch.device
) -> Tensor:
    """Raw shared codes of images with shape (N, T, K).

    Args:
        scored: The model.
        maps: Modality to frozen features with shape (N, H, W, C).
        modalities: Order of the modalities.
        device: Where to compute.
    """
    tokens_1MNTC = to_tokens([maps[modality] for modality in modalities], device)
    return scored.method.encode(scored.parameters, scored.buffers, tokens_1MNTC)[0]


def mirror_tokens(codes_NTK: Tensor, grid: tuple[int, int]) -> Tensor:
    """Codes mirrored left to right."""
    return torch.unflatten(codes_NTK, 1, grid).flip(2).flatten(1, 2)


def predict(
    codes_NTK: Tensor,
    scored: Scored,
    *,
    grid: tuple[int, int],
    size: tuple[int, int],
    guides_N3hw: Tensor | None = None,
) -> ClassMaps:
    """Classes of every pixel by both probes.

    Args:
        codes_NTK: Raw codes with shape (N, T, K).
        scored: The probes.
        grid: Tokens down and across (H, W).
        size: Rows and columns (h, w) of the result.
        guides_N3hw: RGB images for the CRF with shape (N, 3, h, w); None for no CRF.
    """
    clusters_NTY = codes_NTK @ unit_centres(scored.probes)[0].mT
    linear_NTY = None
    if scored.linear:
        linear_NTY = codes_NTK @ scored.probes["linear.weight"][0].mT
        linear_NTY = linear_NTY + scored.probes["linear.bias"][0]
    if guides_N3hw is None:
        return ClassMaps(
            clusters_Nhw=best_class(clusters_NTY, grid, size),
            linear_Nhw=None if linear_NTY is None else best_class(linear_NTY, grid, size),
        )
    norms_N1hw = _norms(codes_NTK, grid, size)
    cosines_NYhw = upsample(_to_maps(clusters_NTY, grid), size) / norms_N1hw
    return ClassMaps(
        clusters_Nhw=_refined(SHARPNESS * cosines_NYhw, guides_N3hw),
        linear_Nhw=None
        if linear_NTY is None
        else _refined(upsample(_to_maps(linear_NTY, grid), size), guides_N3hw),
    )


def best_class(scores_NTY: Tensor, grid: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """The class of the highest upsampled score at every pixel; the first one of equal scores.

    Args:
        scores_NTY: Tensor with shape (N, T, Y).
        grid: Tokens down and across (H, W).
        size: Rows and columns (h, w) of the result.

    Returns:
        Tensor with shape (N, h, w), uint8.
    """
    wide_NYHw = upsample_columns(_to_maps(scores_NTY, grid), size[1])
    best_Nhw = torch.empty(len(wide_NYHw), *size, dtype=torch.uint8, device=scores_NTY.device)
    room = wide_NYHw.new_empty(0)
    for band in row_bands(grid[0], size[0], wide_NYHw):
        for part in _parts(wide_NYHw, rows=len(band.share_r1)):
            above, below = (wide_NYHw[part, :, row, None] for row in (band.above, band.below))
            shape = (*above.shape[:2], len(band.share_r1), size[1])
            if room.numel() < math.prod(shape):  # reused memory is in the cache
                room = wide_NYHw.new_empty(math.prod(shape))
            scores_NYrw = room[: math.prod(shape)].view(shape)
            torch.lerp(above, below, band.share_r1, out=scores_NYrw)
            best_Nhw[part, band.rows] = _first_largest(scores_NYrw)
    return best_Nhw


def _parts(wide_NYHw: Tensor, *, rows: int) -> Iterator[slice]:
    """Slices of the images whose bands fit into the cache together."""
    images, classes, _, width = wide_NYHw.shape
    room = BAND_NUMBERS_GPU if wide_NYHw.is_cuda else BAND_NUMBERS_CPU
    step = max(1, room // (classes * rows * width))
    return (slice(start, start + step) for start in range(0, images, step))


def _first_largest(scores_NYrw: Tensor) -> Tensor:
    """Index of the first largest score over Y; overwrites the scores.

    Uses four vectorised passes, because ``max`` is not vectorised.
    """
    classes = scores_NYrw.shape[1]
    backwards = torch.arange(
        classes - 1, -1, -1, device=scores_NYrw.device, dtype=scores_NYrw.dtype
    )
    largest = scores_NYrw.amax(dim=1, keepdim=True)
    place_Nrw = scores_NYrw.eq_(largest).mul_(backwards[:, None, None]).amax(dim=1)
    return (classes - 1 - place_Nrw).to(torch.uint8)


def _to_maps(scores_NTY: Tensor, grid: tuple[int, int]) -> Tensor:
    return torch.unflatten(scores_NTY, 1, grid).permute(0, 3, 1, 2)


def _norms(codes_NTK: Tensor, grid: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Lengths of the upsampled codes with shape (N, 1, h, w), a few channels at a time."""
    maps_NKHW = _to_maps(codes_NTK, grid)
    squares = [
        upsample(some, size).square().sum(dim=1, keepdim=True)
        for some in torch.split(maps_NKHW, CHANNELS, dim=1)
    ]
    return torch.stack(squares).sum(dim=0).sqrt().clamp(min=EPSILON)


def _refined(logits_NYhw: Tensor, guides_N3hw: Tensor) -> Tensor:
    return refine(logits_NYhw.softmax(dim=1), guides_N3hw).argmax(dim=1).to(torch.uint8)
