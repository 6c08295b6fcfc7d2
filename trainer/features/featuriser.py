"""Maps of images by output and view: all code that needs features of changed images uses them.

An output is read from an image as it is or from a view of it, such as its mirror image. A
featuriser is a backbone in disguise, so that the same code computes and stores every map.

Letters of shapes: ``docs/architecture.md``.
"""

import dataclasses
from collections.abc import Callable, Mapping

import torch
from torch.nn import functional

from trainer.backbones import Backbone
from trainer.backbones.base import Scaling
from trainer.methods.feature_map import FeatureMap, View

__all__ = ["VERSION", "Viewed", "featuriser", "is_standardised", "map_channels"]

VERSION = 1  # of the outputs and views defined here
COLOURS = 3  # channels of an image


def featuriser(backbone: Backbone, feature_map: FeatureMap, *, odd: tuple[int, ...]) -> Backbone:
    """What computes a map of images.

    Args:
        backbone: The configured backbone.
        feature_map: The map.
        odd: Channels of the images whose sign a mirror flips.
    """
    source = PatchMeans(patch=backbone.patch) if feature_map.output == "pixels" else backbone
    return source if feature_map.view == "plain" else Viewed(source, feature_map.view, odd=odd)


def map_channels(feature_map: FeatureMap, channels: int) -> int:
    """Number of channels of a map.

    Args:
        feature_map: The map.
        channels: Number C of the backbone's channels.
    """
    return COLOURS if feature_map.output == "pixels" else channels


def is_standardised(feature_map: FeatureMap) -> bool:
    """Whether the statistics of the features apply to it, if the backbone needs any."""
    return feature_map.output != "pixels"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PatchMeans:
    """The mean of each channel over a token; implements ``trainer.backbones.base.Backbone``."""

    #: Side of a token, pixels.
    patch: int
    name: str = "patch-means"
    channels: int = COLOURS
    scaling: Scaling | None = None

    @property
    def fingerprint(self) -> str:
        """Name and patch."""
        return f"{self.name}-{VERSION}-{self.patch}"

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """See :class:`~trainer.backbones.base.Backbone`."""
        return functional.avg_pool2d(images, self.patch).permute(0, 2, 3, 1).contiguous()


class Viewed:
    """A backbone that changes every image first."""

    def __init__(self, backbone: Backbone, view: View, *, odd: tuple[int, ...]) -> None:
        """Set it up.

        Args:
            backbone: Computes features of the changed images.
            view: Name of the change.
            odd: Channels whose sign a mirror flips.
        """
        self._backbone, self._view, self._odd = backbone, view, odd

    @property
    def name(self) -> str:
        """The backbone's."""
        return self._backbone.name

    @property
    def channels(self) -> int:
        """The backbone's."""
        return self._backbone.channels

    @property
    def patch(self) -> int:
        """The backbone's."""
        return self._backbone.patch

    @property
    def scaling(self) -> Scaling | None:
        """The backbone's."""
        return self._backbone.scaling

    @property
    def fingerprint(self) -> str:
        """The backbone's, with the view."""
        return f"{self._backbone.fingerprint}-{self._view}"

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """See :class:`~trainer.backbones.base.Backbone`."""
        return self._backbone.features(VIEWS[self._view](images, self._odd))


def flipped(images: torch.Tensor, odd: tuple[int, ...]) -> torch.Tensor:
    """Mirror images; channels that are odd are 1 less their value."""
    mirrored = images.flip(-1)
    for channel in odd:
        mirrored[:, channel] = 1 - mirrored[:, channel]
    return mirrored


#: Name of a view to what it makes of images (N, 3, h, w), given their odd channels.
VIEWS: Mapping[View, Callable[[torch.Tensor, tuple[int, ...]], torch.Tensor]] = {
    "flipped": flipped
}
