"""Hand-made features: colour, slope, orientation and texture statistics of each patch.

Needs no weights and ignores the meaning of a modality: the three channels become opponent
colours (lightness, red against green, yellow against blue), and every statistic is computed at
two scales, over the patch and over the 3 x 3 patches around it. For a depth image the means give
the absolute level, the slopes the tilt of the surface, and the energies its edges.

The statistics have no common scale or centre. The loss computes cosines of un-centred features,
which would all be near 1, so ``scaling`` asks for each channel to be centred and scaled. Fixed
constants would fit one modality but not the next (a depth image is smooth where a photo is not),
so they are computed on the train split and stored in the cache entry. Two values are chosen.
Levels, which are 3 of 22 statistics and most of the information in a depth image, weigh as much
as all texture. And every channel has the same mean above zero, because features of trained
networks also have a common part; without it no bias b of 0 or more could let the loss attract
everything, which is how runs collapse.

Letters of shapes: ``docs/architecture.md``.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional

from trainer.backbones.base import Scaling

__all__ = ["PatchStats"]

VERSION = 2  # increased with every change of the numbers

OPPONENT = ((1 / 3, 1 / 3, 1 / 3), (0.5, -0.5, 0.0), (0.25, 0.25, -0.5))
SCALES = (1, 3)  # windows, in patches
FINE, COARSE = 3, 9  # pixels, windows whose means bound the texture bands
FLOOR = 0.01  # energies below it are sensor noise; keeps logarithms stable
LEVELS, STATISTICS = 3, 22  # per scale; levels come first
LEVEL_DEVIATION = 3.0  # of levels; 1 of all other statistics
MEAN = 0.7  # of every channel: the mean cosine of two tokens becomes 0.25
SCALING = Scaling(
    deviations=((LEVEL_DEVIATION,) * LEVELS + (1.0,) * (STATISTICS - LEVELS)) * len(SCALES),
    mean=MEAN,
)


@dataclass(frozen=True, kw_only=True)
class PatchStats:
    """See the module."""

    #: Side of a patch, pixels.
    patch: int = 8
    name: str = "patch-stats"
    channels: int = STATISTICS * len(SCALES)
    scaling: Scaling = SCALING

    @property
    def fingerprint(self) -> str:
        """Version and patch."""
        return f"patch-stats-{VERSION}-{self.patch}"

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """See :class:`~trainer.backbones.base.Backbone`."""
        with torch.no_grad():
            mixer = torch.tensor(OPPONENT, dtype=images.dtype, device=images.device)
            colours = torch.einsum("oc,bcij->boij", mixer, images)
            maps = _pixel_maps(colours)
            tokens = [_pool(maps, self.patch, scale) for scale in SCALES]
            return torch.cat(tokens, dim=1).permute(0, 2, 3, 1).contiguous()


@dataclass(frozen=True, kw_only=True)
class _Maps:
    """The averaged quantities, one value per pixel; each (N, channels, h, w)."""

    colours: torch.Tensor  # 3
    squares: torch.Tensor  # 3
    slopes: torch.Tensor  # 6: across and down, of each colour
    turns: torch.Tensor  # 4: second and fourth harmonic of the gradient's direction
    bands: torch.Tensor  # 6: fine and coarse texture, of each colour


def _pixel_maps(colours: torch.Tensor) -> _Maps:
    padded = functional.pad(colours, (1, 1, 1, 1), mode="replicate")
    across = (padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]) / 2
    down = (padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]) / 2
    fine = _mean(colours, FINE)
    coarse = _mean(colours, COARSE)
    return _Maps(
        colours=colours,
        squares=colours**2,
        slopes=torch.cat([across, down], dim=1),
        turns=_turns(across.mean(dim=1, keepdim=True), down.mean(dim=1, keepdim=True)),
        bands=torch.cat([(colours - fine).abs(), (fine - coarse).abs()], dim=1),
    )


def _turns(across: torch.Tensor, down: torch.Tensor) -> torch.Tensor:
    """Direction of the gradient times two and four, as points; long gradients weigh more."""
    length = (across**2 + down**2).sqrt()
    cos = (across**2 - down**2) / (length + FLOOR)
    sin = 2 * across * down / (length + FLOOR)
    doubled = (cos**2 + sin**2).sqrt() + FLOOR
    return torch.cat([cos, sin, (cos**2 - sin**2) / doubled, 2 * cos * sin / doubled], dim=1)


def _pool(maps: _Maps, patch: int, scale: int) -> torch.Tensor:
    """The statistics of one scale, (N, STATISTICS, H, W)."""

    def mean(values: torch.Tensor) -> torch.Tensor:
        # Patches are equally large: the mean over 3 x 3 patches is that of their means.
        return _mean(functional.avg_pool2d(values, patch), scale)

    level = mean(maps.colours)
    spread = (mean(maps.squares) - level**2).clamp(min=0).sqrt()
    bands = mean(maps.bands)
    turns = mean(maps.turns) / (bands[:, :3].mean(dim=1, keepdim=True) + FLOOR)
    slopes = mean(maps.slopes)
    return torch.cat(
        [level, (spread + FLOOR).log(), _bend(slopes), turns, (bands + FLOOR).log()], dim=1
    )


def _bend(slopes: torch.Tensor) -> torch.Tensor:
    """Signed logarithm, in which both a tilt of some thousandths per pixel and a step count."""
    return slopes.sign() * (1 + slopes.abs() * 200).log()


def _mean(values: torch.Tensor, window: int) -> torch.Tensor:
    """Mean over a square window around each position, as far as it is inside; same shape.

    Two products with band matrices are ten times as fast on a CPU as pooling with stride 1.
    """
    down, across = (_band(side, window, values) for side in values.shape[-2:])
    return down @ values @ across.T


def _band(side: int, window: int, like: torch.Tensor) -> torch.Tensor:
    """Weights of a mean over a window, with shape (side, side)."""
    place = torch.arange(side, device=like.device)
    band = ((place[:, None] - place).abs() <= window // 2).to(like.dtype)
    return band / band.sum(dim=1, keepdim=True)
